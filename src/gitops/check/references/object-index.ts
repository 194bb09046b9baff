/** The objects of an input, found by what other objects say of them: names and labels. */
import type { UnknownObject } from "../../../kube/json-object.ts";
import { type Labels, matchesLabels, type Selector } from "../../../kube/label-selector.ts";
import { type KubeObject, parseApiVersion } from "../../../kube/object.ts";
import type { Manifest } from "../../render/manifest.ts";
import { labelsAt, mapAt } from "./read-field.ts";

/** Something that makes pods. */
export interface Workload {
  readonly manifest: Manifest;
  readonly namespace: string;
  /** Of its pods. */
  readonly labels: Labels;
  readonly podSpec: UnknownObject;
  /** Field path of `podSpec`. */
  readonly podSpecPath: string;
}

const POD_SPEC_PATHS: Readonly<Record<string, string>> = {
  "/Pod": "spec",
  "/ReplicationController": "spec.template.spec",
  "apps/Deployment": "spec.template.spec",
  "apps/ReplicaSet": "spec.template.spec",
  "apps/StatefulSet": "spec.template.spec",
  "apps/DaemonSet": "spec.template.spec",
  "batch/Job": "spec.template.spec",
  "batch/CronJob": "spec.jobTemplate.spec.template.spec",
};

export class ObjectIndex {
  readonly workloads: readonly Workload[];
  readonly #defaultNamespace: string;
  readonly #byName = new Map<string, Manifest[]>();
  /** By namespace and one label: selectors look at those few only. */
  readonly #byLabel = new Map<string, Workload[]>();

  constructor(manifests: readonly Manifest[], defaultNamespace: string) {
    this.#defaultNamespace = defaultNamespace;
    const workloads: Workload[] = [];
    for (const manifest of manifests) {
      const { object } = manifest;
      const kind = groupKind(object);
      push(this.#byName, `${kind}\0${this.namespaceOf(object)}\0${object.metadata.name}`, manifest);
      const workload = this.#workloadOf(manifest, POD_SPEC_PATHS[kind]);
      if (workload === undefined) continue;
      workloads.push(workload);
      for (const [key, value] of Object.entries(workload.labels))
        push(this.#byLabel, `${workload.namespace}\0${key}\0${value}`, workload);
    }
    this.workloads = workloads;
  }

  #workloadOf(manifest: Manifest, podSpecPath: string | undefined): Workload | undefined {
    if (podSpecPath === undefined) return undefined;
    const podSpec = mapAt(manifest.object, podSpecPath);
    if (podSpec === undefined) return undefined;
    const podPath = podSpecPath.slice(0, -"spec".length);
    const namespace = this.namespaceOf(manifest.object);
    const labels = labelsAt(manifest.object, `${podPath}metadata.labels`);
    return { manifest, namespace, labels, podSpec, podSpecPath };
  }

  namespaceOf({ metadata }: KubeObject): string {
    const { namespace } = metadata;
    return namespace === undefined || namespace === "" ? this.#defaultNamespace : namespace;
  }

  /** `kind` as `group/Kind`; the core group is empty: `/ConfigMap`. */
  find(kind: string, namespace: string, name: string): readonly Manifest[] {
    return this.#byName.get(`${kind}\0${namespace}\0${name}`) ?? [];
  }

  /** Workloads whose pods have all these labels; none for no labels. */
  withLabels(namespace: string, labels: Labels): readonly Workload[] {
    const [first] = Object.entries(labels);
    if (first === undefined) return [];
    const candidates = this.#byLabel.get(`${namespace}\0${first[0]}\0${first[1]}`) ?? [];
    return candidates.filter((workload) =>
      Object.entries(labels).every(([key, value]) => workload.labels[key] === value),
    );
  }

  selected(namespace: string, selector: Selector): readonly Workload[] {
    return this.workloads.filter(
      (workload) => workload.namespace === namespace && matchesLabels(selector, workload.labels),
    );
  }
}

export function groupKind({ apiVersion, kind }: { apiVersion: string; kind: string }): string {
  return `${parseApiVersion(apiVersion).group}/${kind}`;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
