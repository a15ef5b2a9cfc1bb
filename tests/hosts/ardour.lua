-- A headless Ardour session: a track plays a take through the Farsend insert, another one records what comes back.
--
--   ardour7-lua ardour.lua FOLDER [plays]
--
-- FOLDER holds `take.wav`, a stereo file, and the session `farsend` afterwards. The script and whoever started it
-- talk through files in FOLDER: `roll` and `stop` are orders, and are removed when they are carried out; `set` has lines
-- of `PARAMETER=VALUE`, for the plugin, before it rolls. What it prints: `ready`, `set` for each parameter, then `at SAMPLE` while it
-- rolls, then `saved`. It ends with an error if the plugin is missing. With `plays` the other track does not record, and after `stop`
-- it waits for the order `quit`; with `export` before that, what the plugin gives is exported as export.wav, six seconds from the start, and it prints
-- `exported`.
--
-- Signal flow: take.wav -> Far [Farsend] -> Back (armed) -> disk. Every sample passes unchanged: no panner, no fades of
-- the region, unity gain. Only the first twentieth of a second is faded in, by Ardour's transport.

local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local common = dofile(here .. "ardour_common.lua")
local NAME, RATE = common.NAME, common.RATE
local folder, session_folder = common.folder, common.session_folder
local say, is_told = common.say, common.is_told

local records = arg[2] ~= "plays"
local session_file = ARDOUR.LuaAPI.build_filename(session_folder, NAME .. ".ardour")

local function new_track(name)
	local track = common.new_track(name)
	track:input():disconnect_all(nil)
	return track
end

-- The session as a musician would leave it: two tracks, the insert, the cables.
local function make_session()
	common.new_session()
	local far, back = new_track("Far"), new_track("Back")
	far:output():disconnect_all(nil)
	back:output():disconnect_all(nil)
	common.insert("Farsend", far)
	common.save()
	far, back = nil, nil
	common.close()
end

local function read(path)
	local file = assert(io.open(path, "rb"))
	local content = file:read("a")
	file:close()
	return content
end

local function write(path, content)
	local file = assert(io.open(path, "wb"))
	file:write(content)
	file:close()
end

-- Frames of a file that is a 16-bit stereo WAV with the shortest header there is.
local function frames_of(path)
	local file = assert(io.open(path, "rb"))
	local bytes = file:seek("end")
	file:close()
	return (bytes - 44) // 4
end

-- Puts the take onto the track Far. There is no import without a window, so it is written into the session's file.
local function add_take()
	local path = ARDOUR.LuaAPI.build_filename(session_folder, "interchange", NAME, "audiofiles", "take.wav")
	assert(os.rename(ARDOUR.LuaAPI.build_filename(folder, "take.wav"), path))
	local frames = frames_of(path)
	local ticks = Temporal.superclock_ticks_per_second() // RATE
	local content = read(session_file)
	local id = tonumber(content:match('id%-counter="(%d+)"'))
	local sources = ""
	for channel = 0, 1 do
		sources = sources .. string.format(
			'<Source name="take.wav" type="audio" flags="" id="%d" channel="%d" origin="" gain="1"/>',
			id + channel, channel)
	end
	local region = string.format(
		'<Region name="take" type="audio" id="%d" muted="0" opaque="1" locked="0" automatic="0" whole-file="0" ' ..
		'start="a0" length="a%d@a0" sync-position="a0" fade-in-active="0" fade-out-active="0" envelope-active="0" ' ..
		'scale-amplitude="1" channels="2" source-0="%d" source-1="%d" master-source-0="%d" master-source-1="%d">' ..
		'<Envelope default="yes"/><FadeIn default="yes"/><FadeOut default="yes"/></Region>',
		id + 2, frames * ticks, id, id + 1, id, id + 1)
	local replaced
	local function replace(pattern, by)
		content, replaced = content:gsub(pattern, by, 1)
		assert(replaced == 1, "not in the session's file: " .. pattern)
	end
	replace('id%-counter="%d+"', string.format('id-counter="%d"', id + 3))
	replace("<Sources/>", "<Sources>" .. sources .. "</Sources>")
	replace('(<Playlist [^>]*name="Far"[^>]*)/>', "%1>" .. region .. "</Playlist>")
	write(session_file, content)
end

-- One cable at a time: Ardour is told of each by a thread of JACK's, and mixes them up when they come together.
local function connect_tracks()
	local far, back = Session:route_by_name("Far"), Session:route_by_name("Back")
	for channel = 0, 1 do
		sleep(0.5)
		assert(far:output():audio(channel):connect(back:input():audio(channel):name()) == 0, "no cable")
	end
	sleep(0.5)
end

-- Gives a parameter of the plugin's a value.
local function set(name, value)
	local insert = Session:route_by_name("Far"):nth_plugin(0)
	local plugin = insert:to_insert():plugin(0)
	local control = 0
	for index = 0, plugin:parameter_count() - 1 do
		if plugin:parameter_is_control(index) then
			if plugin:parameter_label(index) == name then
				assert(ARDOUR.LuaAPI.set_processor_param(insert, control, value), name .. " cannot be set")
				say("set " .. name)
				return
			end
			control = control + 1
		end
	end
	error("there is no parameter " .. name)
end

-- Carries out the order `set`, if it was given: a file that is there has all its lines.
local function set_parameters()
	local path = ARDOUR.LuaAPI.build_filename(folder, "set")
	local file = io.open(path, "rb")
	if not file then
		return
	end
	local lines = file:read("a")
	file:close()
	os.remove(path)
	for name, value in lines:gmatch("([^\n=]+)=([^\n]+)") do
		set(name, tonumber(value))
	end
end

local function roll_once()
	if records then
		local back = Session:route_by_name("Back"):to_track()
		back:rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup)
		Session:maybe_enable_record()
	end
	Session:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
	repeat
		sleep(0.05)
		say("at " .. Session:transport_sample())
	until is_told("stop")
	Session:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
	while Session:actively_recording() do sleep(0.05) end
	-- The butler finishes the files.
	sleep(0.5)
end

-- Exports what the plugin gives when Ardour renders.
local function export()
	local far, master = Session:route_by_name("Far"), Session:master_out()
	for channel = 0, 1 do
		assert(far:output():audio(channel):connect(master:input():audio(channel):name()) == 0, "no cable")
	end
	assert(common.export(6), "the export failed")
	say("exported")
end

-- JACK keeps time to the frame. The dummy engine is late by a percent, but it never stumbles when tracks are made, as
-- JACK does: Ardour's threads talk to the server through one socket, without a lock.
common.use_backend("None (Dummy)")
make_session()
add_take()
common.use_backend("JACK")
common.open_session()
connect_tracks()
say("ready")
while not is_told("roll") do
	set_parameters()
	sleep(0.02)
end
roll_once()
while not records and not is_told("quit") do
	if is_told("export") then
		export()
	end
	sleep(0.02)
end
common.save()
say("saved")
common.close()
