import { openProcessRuntime } from "../../../../src/engine/node/runtime/process/process-runtime.ts";
import { runtimeConformance } from "../runtime-conformance.ts";

runtimeConformance("process", {
  open: (directory) => openProcessRuntime({ podsDirectory: directory }),
  programs: {
    serve: ["/bin/sleep", "1000"],
    stubborn: ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"],
    exitWith: (code) => ["sh", "-c", `exit ${code}`],
    print: (out, err) => ["sh", "-c", `echo "${out}"; echo "${err}" >&2`],
    printVariable: (name) => ["sh", "-c", `printf %s "$${name}"`],
  },
});
