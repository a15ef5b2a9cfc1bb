"""Plays the ramp through the Farsend VST3 in pedalboard, a JUCE host, and records what comes out.

    python pedalboard_host.py PLUGIN RECORDING [--name NAME] [--seconds S] [--block FRAMES] [--render S]

Block after block at its time on the machine's clock, as a sound card would call. With --render, S seconds of silence
go through as fast as they can when half of the ramp is played, as in an export. RECORDING is a float WAV whose frame
N was returned by the call that took frame N of the ramp (see signal.rs). A line says "heard" when the first sound comes
back, and at the end one in JSON how it went.
"""

import argparse
import json
import time

import numpy
from pedalboard import load_plugin
from pedalboard.io import AudioFile

RATE = 48_000
CHANNELS = 2


def ramp(frames: int) -> numpy.ndarray:
    """The ramp of each channel from frame 0 on, planar."""
    time_line = numpy.arange(frames, dtype=numpy.int64)
    numbers = [((37 * time_line + 4096 * channel) & 0xFFFF) - 32_768 for channel in range(CHANNELS)]
    return (numpy.stack(numbers) / 32_768).astype(numpy.float32)


class Performance:
    """Passes audio through the plugin, and notes how the calls go."""

    def __init__(self, plugin, block: int):
        self.plugin = plugin
        self.block = block
        self.heard = False
        self.report = {"took_s": 0.0, "render_s": 0.0, "longest_call_ms": 0.0, "most_behind_ms": 0.0}

    def pace(self, sent: numpy.ndarray) -> numpy.ndarray:
        """In real time; gives what came back, frame for frame."""
        returned = numpy.empty_like(sent)
        report = self.report
        start = time.monotonic()
        for at in range(0, sent.shape[1], self.block):
            ahead = start + at / RATE - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            report["most_behind_ms"] = max(report["most_behind_ms"], -ahead * 1e3)
            called = time.monotonic()
            returned[:, at : at + self.block] = self.process(sent[:, at : at + self.block])
            report["longest_call_ms"] = max(report["longest_call_ms"], (time.monotonic() - called) * 1e3)
            if not self.heard and returned[:, at : at + self.block].any():
                self.heard = True
                print("heard", flush=True)
        report["took_s"] += time.monotonic() - start
        return returned

    def render(self, seconds: float) -> None:
        """As fast as it goes."""
        start = time.monotonic()
        self.process(numpy.zeros((CHANNELS, int(seconds * RATE)), dtype=numpy.float32))
        self.report["render_s"] = time.monotonic() - start

    def process(self, audio: numpy.ndarray) -> numpy.ndarray:
        # Without `reset`, the host goes on with the stream instead of preparing anew.
        return self.plugin.process(audio, RATE, buffer_size=self.block, reset=False)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("plugin")
    arguments.add_argument("recording")
    arguments.add_argument("--name", default="Farsend")
    arguments.add_argument("--seconds", type=float, default=6.0)
    arguments.add_argument("--block", type=int, default=256)
    arguments.add_argument("--render", type=float, default=0.0)
    options = arguments.parse_args()

    # The file holds two plugins: which of them has to be said.
    plugin = load_plugin(options.plugin, plugin_name=options.name)
    performance = Performance(plugin, options.block)
    sent = ramp(int(options.seconds * RATE) // options.block * options.block)
    half = sent.shape[1] // 2 // options.block * options.block
    returned = [performance.pace(sent[:, :half])]
    if options.render:
        performance.render(options.render)
    returned.append(performance.pace(sent[:, half:]))
    with AudioFile(options.recording, "w", RATE, CHANNELS, bit_depth=32) as file:
        file.write(numpy.concatenate(returned, axis=1))
    print(json.dumps(performance.report), flush=True)


main()
