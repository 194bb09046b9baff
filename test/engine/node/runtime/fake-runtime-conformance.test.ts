import { systemClock } from "../../../../src/client/clock.ts";
import { FakeRuntime } from "../fake-runtime.ts";
import { runtimeConformance } from "../runtime-conformance.ts";

const opened = new Map<string, FakeRuntime>();

runtimeConformance("fake", {
  // Its "machine" is the memory of the test, so that opening again finds the same containers.
  open: async (directory) => {
    const runtime = opened.get(directory) ?? new FakeRuntime(directory, systemClock);
    opened.set(directory, runtime);
    return runtime;
  },
  programs: {
    serve: ["serve"],
    stubborn: ["stubborn"],
    exitWith: (code) => ["exit", String(code)],
    print: (out, err) => ["print", out, err],
    printVariable: (name) => ["print-variable", name],
  },
});
