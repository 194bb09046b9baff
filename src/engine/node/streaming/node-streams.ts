/** Answers the API server's requests for commands, attached clients and ports of this node's pods. */
import { connect, type Socket } from "node:net";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { NodeConnection } from "../../apiserver/node-connection.ts";
import { allContainersOf, ephemeralContainersOf, specOf, uidOf } from "../pod-model.ts";
import type { ContainerStatus, Runtime } from "../runtime/runtime.ts";

type StreamingRuntime = Pick<Runtime, "listContainers" | "listSandboxes" | "streamExec" | "attach">;

/** On loopback only a full backlog is slower. */
const CONNECT_TIMEOUT_MS = 10_000;

export function nodeStreams(
  runtime: StreamingRuntime,
): Pick<NodeConnection, "exec" | "attach" | "portForward"> {
  return {
    async exec(pod, container, options) {
      const { id } = await runningContainer(runtime, pod, container);
      return () => runtime.streamExec(id, options);
    },
    async attach(pod, container, { stdin }) {
      const { id } = await runningContainer(runtime, pod, container);
      const spec = [...allContainersOf(pod), ...ephemeralContainersOf(pod)].find(
        ({ name }) => name === container,
      );
      const isOpen = stdin && spec?.stdin === true;
      const endsWithClient = isOpen && spec.stdinOnce === true;
      return () => runtime.attach(id, { stdin: isOpen, endsWithClient });
    },
    async portForward(pod) {
      const sandbox = (await runtime.listSandboxes()).find(({ podUid }) => podUid === uidOf(pod));
      const runs = await runtime.listContainers(uidOf(pod));
      if (sandbox === undefined || !runs.some(({ state }) => state === "running"))
        throw bad(`pod ${pod.metadata.name} is not running: wait until it is`);
      return (port) => connectTo(pod, sandbox.podIP, port, sandbox.portMap);
    },
  };
}

async function runningContainer(
  runtime: StreamingRuntime,
  pod: KubeObject,
  container: string,
): Promise<ContainerStatus> {
  const runs = await runtime.listContainers(uidOf(pod));
  const running = runs.find(({ name, state }) => name === container && state === "running");
  if (running !== undefined) return running;
  throw bad(
    `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod.metadata.name)} is not running`,
  );
}

/** All pods share the machine's addresses: only a pod's own ports are its to open. */
function connectTo(
  pod: Pod,
  host: string,
  port: number,
  portMap: ReadonlyMap<number, number>,
): Promise<Socket> {
  const mapped = portMap.get(port) ?? (specOf(pod).hostNetwork === true ? port : undefined);
  if (mapped === undefined)
    return Promise.reject(
      new Error(
        `pod ${pod.metadata.name} declares no port ${port}: name it as containerPort in its ports; there is ${[...portMap.keys()].join(", ") || "none"}`,
      ),
    );
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: mapped, allowHalfOpen: true, noDelay: true });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(new Error(`no answer from port ${port} of the pod`)),
    );
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
