/** The objects that a pod refers to, and the content of ConfigMaps and Secrets as pods see it. */
import type { Informer } from "../../client/informer.ts";
import type { ConfigMap } from "../../kube/kinds/configmap.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import type { Secret } from "../../kube/kinds/secret.ts";
import type { ConfigData, ReferencedData } from "./env/missing-reference.ts";
import { allContainersOf, ephemeralContainersOf, namespaceOf, specOf } from "./pod-model.ts";
import { claimNameOf } from "./volumes/claimed-volume.ts";

export type ReferenceKind = "configmap" | "secret" | "persistentvolumeclaim" | "driver";
/** `configmap/<namespace>/<name>`, `secret/…`; drivers are in no namespace. */
export type ReferenceKey = string;
export const referenceKey = (kind: ReferenceKind, namespace: string, name: string): ReferenceKey =>
  `${kind}/${namespace}/${name}`;

/** Whether a driver has to do with it: then pods wait for drivers, too. */
export const isDriverKey = (key: ReferenceKey): boolean =>
  /^(?:persistentvolumeclaim|driver)\//.test(key);

export function referencesOf(pod: Pod): ReadonlySet<ReferenceKey> {
  const keys = new Set<ReferenceKey>();
  const add = (kind: ReferenceKind, name: string | undefined): void => {
    if (name !== undefined) keys.add(referenceKey(kind, namespaceOf(pod), name));
  };
  for (const { env = [], envFrom = [] } of [
    ...allContainersOf(pod),
    ...ephemeralContainersOf(pod),
  ]) {
    for (const { valueFrom } of env) {
      add("configmap", valueFrom?.configMapKeyRef?.name);
      add("secret", valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add("configmap", configMapRef?.name);
      add("secret", secretRef?.name);
    }
  }
  for (const volume of specOf(pod).volumes ?? []) {
    const { configMap, secret, projected, csi } = volume;
    add("persistentvolumeclaim", claimNameOf(pod, volume));
    if (csi !== undefined) keys.add(referenceKey("driver", "", csi.driver));
    add("configmap", configMap?.name);
    add("secret", secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add("configmap", source.configMap?.name);
      add("secret", source.secret?.name);
    }
  }
  return keys;
}

/** Reads from informers; decoding is done once per object, which is frozen. */
export class DataReader {
  readonly #configMaps: Informer<ConfigMap>;
  readonly #secrets: Informer<Secret>;
  readonly #decoded = new WeakMap<ConfigMap | Secret, ConfigData>();

  constructor(configMaps: Informer<ConfigMap>, secrets: Informer<Secret>) {
    this.#configMaps = configMaps;
    this.#secrets = secrets;
  }

  dataFor(pod: Pod): ReferencedData {
    const namespace = namespaceOf(pod);
    return {
      configMap: (name) => {
        const object = this.#configMaps.get(`${namespace}/${name}`);
        return object && this.#decode(object, object.data ?? {}, object.binaryData ?? {});
      },
      secret: (name) => {
        const object = this.#secrets.get(`${namespace}/${name}`);
        return object && this.#decode(object, {}, object.data ?? {});
      },
    };
  }

  #decode(
    object: ConfigMap | Secret,
    text: Readonly<Record<string, string>>,
    base64: Readonly<Record<string, string>>,
  ): ConfigData {
    let data = this.#decoded.get(object);
    if (data === undefined) {
      data = new Map([
        ...Object.entries(text).map(([key, value]) => [key, Buffer.from(value)] as const),
        ...Object.entries(base64).map(
          ([key, value]) => [key, Buffer.from(value, "base64")] as const,
        ),
      ]);
      this.#decoded.set(object, data);
    }
    return data;
  }
}
