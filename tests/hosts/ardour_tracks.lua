-- A headless Ardour session of several tracks with the Farsend insert, on Ardour's own engine, whose inputs hold a constant.
--
--   ardour7-lua ardour_tracks.lua FOLDER make TRACKS     makes the session `farsend` in FOLDER, and ends
--   ardour7-lua ardour_tracks.lua FOLDER players         the same with one track that has Farsend Players
--   ardour7-lua ardour_tracks.lua FOLDER open            loads it, and does what it is told, until told to quit
--
-- Each track `Far N` hears the input, through the insert; the track `Plain` hears it as it is. With `players` the tracks `Player 1` and
-- `Player 2` hear the outputs of Farsend Players on `Far 1` that are called so. Orders are files in FOLDER
-- (`roll`, `back`, `export`, `save`, `quit`), removed when they are carried out. What `open` prints: `loading` and
-- `loaded`; `levels` and the tracks' meters in dB, a hundred times a second; the name of an order that is done.

local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local common = dofile(here .. "ardour_common.lua")
local RATE, folder = common.RATE, common.folder
local say, is_told = common.say, common.is_told

local function use_backend()
	local backend = common.use_backend("None (Dummy)")
	backend:set_device_name("DC -6dBFS (+.5)")
	backend:set_sample_rate(RATE)
	backend:set_buffer_size(512)
end

local function new_track(name)
	local track = common.new_track(name)
	track:monitoring_control():set_value(ARDOUR.MonitorChoice.MonitorInput, PBD.GroupControlDisposition.NoGroup)
	return track
end

local function new_track_with(plugin, name)
	local track = new_track(name)
	-- As many outputs as the plugin has, which Ardour calls flexible.
	track:set_strict_io(false)
	common.insert(plugin, track)
end

local function connect(port, name)
	assert(port:connect(name) == 0, "no cable to " .. name)
end

-- All tracks hear the same two inputs. Ardour has a thread that plugs cables of its own into a new track: after it.
local function plug()
	sleep(1)
	for track in Session:get_tracks():iter() do
		track:input():disconnect_all(nil)
		for channel = 0, 1 do
			connect(track:input():audio(channel), "system:capture_" .. channel + 1)
		end
	end
	sleep(0.5)
end

-- The tracks for two players hear an output of Farsend Players each instead.
local function plug_players()
	local far = Session:route_by_name("Far 1"):output()
	assert(far:n_ports():n_audio() == 18, "not as many outputs as the plugin has")
	for player = 1, 2 do
		local track = Session:route_by_name("Player " .. player):input()
		track:disconnect_all(nil)
		for channel = 0, 1 do
			local port = far:audio(2 * player + channel)
			port:disconnect_all()
			connect(port, track:audio(channel):name())
		end
	end
	sleep(0.5)
end

local function make(count)
	common.new_session()
	new_track("Plain")
	for number = 1, count do
		new_track_with("Farsend", "Far " .. number)
	end
	plug()
end

local function make_players()
	common.new_session()
	new_track("Plain")
	new_track("Player 1")
	new_track("Player 2")
	new_track_with("Farsend Players", "Far 1")
	plug()
	plug_players()
end

local function save_and_close()
	common.save()
	common.close()
end

-- The meters of all tracks, in dB.
local function levels()
	local words = {}
	for route in Session:get_tracks():iter() do
		local level = route:peak_meter():meter_level(0, ARDOUR.MeterType.MeterPeak)
		table.insert(words, string.format("%s=%.1f", route:name():gsub(" ", ""), level))
	end
	return table.concat(words, " ")
end

local ORDERS = {
	roll = function()
		Session:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
	end,
	back = function()
		Session:request_locate(0, false, ARDOUR.LocateTransportDisposition.MustStop,
			ARDOUR.TransportRequestSource.TRS_UI)
	end,
	export = function()
		return common.export(20)
	end,
	save = common.save,
}

local function open()
	say("loading")
	common.open_session()
	say("loaded")
	while not is_told("quit") do
		for order, carry_out in pairs(ORDERS) do
			if is_told(order) then
				local outcome = carry_out()
				say("done " .. order, outcome)
			end
		end
		say("levels " .. levels())
		sleep(0.01)
	end
	common.close()
	say("closed")
end

use_backend()
if arg[2] == "make" then
	make(tonumber(arg[3]))
	save_and_close()
elseif arg[2] == "players" then
	make_players()
	save_and_close()
else
	open()
end
