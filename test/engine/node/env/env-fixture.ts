/** Pods and data for tests of environments and volumes. */
import type { NodeFacts } from "../../../../src/engine/node/env/downward.ts";
import type { ReferencedData } from "../../../../src/engine/node/env/missing-reference.ts";
import type { Container } from "../../../../src/engine/node/pod-model.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";

export const facts: NodeFacts = {
  nodeName: "node-1",
  hostIP: "192.0.2.1",
  podIP: "127.0.0.1",
  allocatable: { cpu: "4", memory: "8Gi" },
};

export function podWith(
  container: Partial<Container>,
  overrides: {
    readonly spec?: Partial<Pod["spec"]>;
    readonly metadata?: Partial<Pod["metadata"]>;
  } = {},
): { pod: Pod; container: Container } {
  const made: Container = { name: "web", ...container };
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name: "web-0", uid: "uid-1", ...overrides.metadata },
    spec: { containers: [made], ...overrides.spec },
  };
  return { pod, container: made };
}

type Content = Readonly<Record<string, Readonly<Record<string, string>>>>;
export function data(configMaps: Content = {}, secrets: Content = {}): ReferencedData {
  const lookup = (content: Content) => (name: string) => {
    const found = content[name];
    return found && new Map(Object.entries(found).map(([key, text]) => [key, Buffer.from(text)]));
  };
  return { configMap: lookup(configMaps), secret: lookup(secrets) };
}
