/** How a pod finds names: from the cluster's DNS server and what the machine's own file says just now. */
import { readFile } from "node:fs/promises";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import { EMPTY_RESOLV_CONF, parseResolvConf } from "../network/dns/resolv-conf.ts";
import { podResolver } from "./pod/pod-resolver.ts";
import type { SandboxDns } from "./runtime/runtime.ts";

const RESOLV_CONF = "/etc/resolv.conf";

/** `clusterNameserver`: asked for each pod; undefined while there is none. */
export function podResolverReader(
  clusterNameserver: () => string | undefined,
  events: EventRecorder,
): (pod: Pod) => Promise<SandboxDns | undefined> {
  return async (pod) => {
    const text = await readFile(RESOLV_CONF, "utf8").catch(() => undefined);
    const host = text === undefined ? EMPTY_RESOLV_CONF : parseResolvConf(text);
    const { dns, omitted } = podResolver(pod, { clusterNameserver: clusterNameserver(), host });
    for (const message of omitted) events.record(pod, "Warning", "DNSConfigForming", message);
    return dns;
  };
}
