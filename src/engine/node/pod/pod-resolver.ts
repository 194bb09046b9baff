/**
 * What a pod's `resolv.conf` says, pure: `dnsPolicy` and `dnsConfig` as the kubelet reads them
 * (k8s.io/kubernetes/pkg/kubelet/network/dns).
 */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { CLUSTER_DOMAIN } from "../../cluster-domain.ts";
import { namespaceOf, specOf } from "../pod-model.ts";
import type { SandboxDns } from "../runtime/runtime.ts";

export interface PodResolverInputs {
  /** Of the cluster's DNS server; undefined where it has no address that `resolv.conf` can name. */
  readonly clusterNameserver: string | undefined;
  /** What the machine's own file says. */
  readonly host: SandboxDns;
}
export interface PodResolver {
  /** Absent: the machine's own file will do. */
  readonly dns?: SandboxDns;
  /** What was left out because resolvers read no more, for an Event. */
  readonly omitted: readonly string[];
}

/** As many as glibc reads. */
const MAX_NAMESERVERS = 3;
/** Of Kubernetes: older resolvers read six names and 256 letters. */
const MAX_SEARCHES = 32;
const MAX_SEARCH_LETTERS = 2_048;
/** So that `name.namespace.svc` is tried below the search path before it is asked for as it is. */
const CLUSTER_OPTIONS = ["ndots:5"];

export function podResolver(pod: Pod, inputs: PodResolverInputs): PodResolver {
  const { dnsConfig } = specOf(pod);
  const base = basis(pod, inputs);
  if (base === undefined && dnsConfig === undefined) return { omitted: [] };
  const { nameservers, searches, options } = base ?? inputs.host;
  return limited({
    nameservers: unique([...nameservers, ...(dnsConfig?.nameservers ?? [])]),
    searches: unique([...searches, ...(dnsConfig?.searches ?? [])]),
    options: mergeOptions(options, dnsConfig?.options ?? []),
  });
}

/** Undefined: that of the machine. */
function basis(pod: Pod, { clusterNameserver, host }: PodResolverInputs): SandboxDns | undefined {
  const { dnsPolicy = "ClusterFirst", hostNetwork } = specOf(pod);
  if (dnsPolicy === "None") return { nameservers: [], searches: [], options: [] };
  // A pod in the machine's own network has to ask for the cluster's names.
  const isClusterFirst =
    dnsPolicy === "ClusterFirstWithHostNet" ||
    (dnsPolicy === "ClusterFirst" && hostNetwork !== true);
  if (!isClusterFirst || clusterNameserver === undefined) return undefined;
  const own = [
    `${namespaceOf(pod)}.svc.${CLUSTER_DOMAIN}`,
    `svc.${CLUSTER_DOMAIN}`,
    CLUSTER_DOMAIN,
  ];
  return {
    nameservers: [clusterNameserver],
    searches: unique([...own, ...host.searches]),
    options: CLUSTER_OPTIONS,
  };
}

/** Those of the pod stand in for those of the same name. */
function mergeOptions(
  options: readonly string[],
  added: readonly { readonly name?: string; readonly value?: string }[],
): string[] {
  const byName = new Map(options.map((option) => [option.replace(/:.*$/, ""), option]));
  for (const { name, value } of added)
    if (name !== undefined)
      byName.set(name, value === undefined || value === "" ? name : `${name}:${value}`);
  return [...byName.values()];
}

function limited(dns: SandboxDns): PodResolver {
  const nameservers = dns.nameservers.slice(0, MAX_NAMESERVERS);
  let letters = -1;
  const searches = dns.searches.slice(0, MAX_SEARCHES).filter((domain) => {
    letters += domain.length + 1;
    return letters <= MAX_SEARCH_LETTERS;
  });
  return {
    dns: { ...dns, nameservers, searches },
    omitted: [
      ...(nameservers.length < dns.nameservers.length
        ? [
            `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.join(" ")}`,
          ]
        : []),
      ...(searches.length < dns.searches.length
        ? [
            `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(" ")}`,
          ]
        : []),
    ],
  };
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
