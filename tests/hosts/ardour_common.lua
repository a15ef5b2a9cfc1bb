-- What the scripts for a headless Ardour share. They load this file and get a table.

local NAME = "farsend"
local RATE = 48000
local VST3 = 7 -- ARDOUR.PluginType.VST3 has no name in Lua

local folder = assert(arg[1], "which folder?")
local session_folder = ARDOUR.LuaAPI.build_filename(folder, NAME)

local function say(...)
	print(...)
	io.stdout:flush()
end

-- Whether this order was given since the last time.
local function is_told(order)
	return os.remove(ARDOUR.LuaAPI.build_filename(folder, order)) ~= nil
end

-- Who paces Ardour.
local function use_backend(name)
	AudioEngine:stop()
	local backend = AudioEngine:set_backend(name, "ardour", "")
	assert(not backend:isnil(), "Ardour has no backend " .. name)
	return backend
end

local function find_plugin(name)
	for plugin in ARDOUR.LuaAPI.list_plugins():iter() do
		if plugin.name == name and plugin.type == VST3 then
			return plugin.unique_id
		end
	end
	error("Ardour does not list " .. name)
end

-- A stereo track that changes nothing of what passes.
local function new_track(name)
	local tracks = Session:new_audio_track(2, 2, nil, 1, name, ARDOUR.PresentationInfo.max_order,
		ARDOUR.TrackMode.Normal, true)
	local track = tracks:front()
	track:panner_shell():set_bypassed(true)
	return track
end

-- Puts a plugin into a track, before all else.
local function insert(plugin, track)
	local processor = ARDOUR.LuaAPI.new_plugin(Session, find_plugin(plugin), VST3, "")
	assert(not processor:isnil(), "the plugin cannot be loaded")
	assert(track:add_processor_by_index(processor, 0, nil, true) == 0, "the plugin cannot be inserted")
end

local function new_session()
	assert(create_session(session_folder, NAME, RATE), "no session was made")
end

local function open_session()
	assert(load_session(session_folder, NAME), "the session was not loaded")
end

local function save()
	Session:save_state("", false, false, false, false, false)
end

-- Writes the session's first `seconds` to export.wav in the folder: 16 bits, dithered, at the session's rate. Gives what Ardour says of it.
-- Ardour 7.3 itself dies of about one in ten of these ("double free"), with any preset and without any plugin, too.
local function export(seconds)
	local export = Session:simple_export()
	export:set_name("export")
	export:set_folder(folder)
	export:set_range(0, seconds * RATE)
	export:set_preset("75969a1c-3133-4694-864b-a1fa50e43348")
	return export:run_export()
end

-- What its tracks and plugins are held by is dropped before.
local function close()
	collectgarbage()
	Session:close()
end

return {
	NAME = NAME,
	RATE = RATE,
	folder = folder,
	session_folder = session_folder,
	say = say,
	is_told = is_told,
	use_backend = use_backend,
	new_track = new_track,
	insert = insert,
	new_session = new_session,
	open_session = open_session,
	save = save,
	export = export,
	close = close,
}
