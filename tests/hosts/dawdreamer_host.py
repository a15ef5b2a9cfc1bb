"""Runs the Farsend VST3 in DawDreamer, a JUCE host that renders offline, and says how that went.

    python dawdreamer_host.py PLUGIN [--seconds S] [--render S]

First S seconds of a sine go through block after block, each rendered at its time on the machine's clock; then --render
seconds as fast as they go; then the paced ones again. At the end one JSON line: the parameters with their texts, how
long it took, and how loud the last second of each part was.
"""

import argparse
import json
import time

import dawdreamer
import numpy

RATE = 22_050
BLOCK = 512
CHANNELS = 2


class Performance:
    """One plugin with a sine before it."""

    def __init__(self, path: str):
        self.engine = dawdreamer.RenderEngine(RATE, BLOCK)
        self.plugin = self.engine.make_plugin_processor("farsend", path)
        sine = 0.5 * numpy.sin(2 * numpy.pi * 441 * numpy.arange(RATE * 200) / RATE)
        source = self.engine.make_playback_processor("source", numpy.stack([sine] * CHANNELS).astype(numpy.float32))
        self.engine.load_graph([(source, []), (self.plugin, ["source"])])

    def parameters(self) -> dict:
        """The texts of each parameter at the ends of its range, in the middle, and as it is."""
        texts = {}
        for index, about in enumerate(self.plugin.get_parameters_description()):
            kept = self.plugin.get_parameter(index)
            at = []
            for value in (0.0, 0.5, 1.0):
                self.plugin.set_parameter(index, value)
                at.append(self.plugin.get_parameter_text(index))
            self.plugin.set_parameter(index, kept)
            texts[about["name"]] = at + [self.plugin.get_parameter_text(index)]
        return texts

    def pace(self, seconds: float) -> float:
        """In real time; gives the peak of the last second.

        For a block that is asked for the plugin is called for two: the engine renders one more than it gives.
        """
        heard = []
        called = 2 * BLOCK / RATE
        start = time.monotonic()
        for number in range(int(seconds / called)):
            ahead = start + number * called - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            self.engine.render(BLOCK / RATE)
            heard.append(float(numpy.abs(self.engine.get_audio()).max()))
        return max(heard[-int(1 / called) :], default=0.0)

    def render(self, seconds: float) -> tuple[float, float]:
        """As fast as it goes; how long that took, and the peak of what came out."""
        start = time.monotonic()
        self.engine.render(seconds)
        audio = self.engine.get_audio()
        return time.monotonic() - start, float(numpy.abs(audio).max())


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("plugin")
    arguments.add_argument("--seconds", type=float, default=3.0)
    arguments.add_argument("--render", type=float, default=60.0)
    options = arguments.parse_args()

    performance = Performance(options.plugin)
    report = {"parameters": performance.parameters(), "latency": performance.plugin.get_latency_samples()}
    report["before"] = performance.pace(options.seconds)
    report["render_s"], report["rendered"] = performance.render(options.render)
    report["after"] = performance.pace(options.seconds)
    print(json.dumps(report), flush=True)


main()
