import { expect, test } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import { simulatedConnection } from "../../../src/engine/simulation/simulated-connection.ts";

test("who wants to enter a pod of a simulated node is told that nothing runs there", async () => {
  const node = simulatedConnection(systemClock);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" } };
  const exec = node.exec(pod, "main", { command: ["true"], stdin: false, tty: false });
  await expect(exec).rejects.toMatchObject({ code: 400 });
  await expect(exec).rejects.toThrow("simulated node");
  await expect(node.attach(pod, "main", { stdin: false })).rejects.toMatchObject({ code: 400 });
  await expect(node.portForward(pod)).rejects.toMatchObject({ code: 400 });
});
