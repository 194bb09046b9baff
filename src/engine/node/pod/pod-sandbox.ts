/** What a pod asks of the runtime as a whole, and what it tells the API of the answer. */
import type { Client } from "../../../client/client.ts";
import { type Pod, pods } from "../../../kube/kinds/pod.ts";
import { HOST_PORTS_ANNOTATION } from "../../pod-contract.ts";
import { allContainersOf, namespaceOf, specOf, uidOf } from "../pod-model.ts";
import type { Sandbox, SandboxConfig, SandboxDns, SandboxPort } from "../runtime/runtime.ts";

/** `dns`: what the pod's `resolv.conf` says; absent: what that of the machine says. */
export function sandboxConfig(pod: Pod, dns?: SandboxDns): SandboxConfig {
  const hostAliases = (specOf(pod).hostAliases ?? []).flatMap(({ ip, hostnames = [] }) =>
    ip === undefined ? [] : [{ ip, hostnames }],
  );
  return {
    podUid: uidOf(pod),
    namespace: namespaceOf(pod),
    name: pod.metadata.name,
    ...(dns === undefined ? {} : { dns }),
    ...(hostAliases.length === 0 ? {} : { hostAliases }),
    ports: allContainersOf(pod).flatMap(({ name: container, ports = [] }) =>
      ports.map(({ containerPort, name, protocol, hostPort }) => ({
        container,
        containerPort,
        protocol: protocolOf(protocol),
        ...(name === undefined ? {} : { name }),
        ...(hostPort === undefined || hostPort === 0 ? {} : { hostPort }),
      })),
    ),
  };
}

const protocolOf = (protocol: string | undefined): SandboxPort["protocol"] =>
  protocol === "UDP" || protocol === "SCTP" ? protocol : "TCP";

/** Endpoints are made from the annotation, so it is written before anything of the pod is ready. */
export async function announcePorts(client: Client, pod: Pod, sandbox: Sandbox): Promise<void> {
  const isMapped = [...sandbox.portMap].some(([container, host]) => container !== host);
  if (!isMapped) return;
  const text = JSON.stringify(Object.fromEntries(sandbox.portMap));
  if (pod.metadata.annotations?.[HOST_PORTS_ANNOTATION] === text) return;
  const key = { namespace: namespaceOf(pod), name: pod.metadata.name };
  const metadata = { uid: uidOf(pod), annotations: { [HOST_PORTS_ANNOTATION]: text } };
  await client.patch(pods, key, { type: "merge", body: { metadata } }, { fieldManager: "kubelet" });
}
