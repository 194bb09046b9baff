/** What pods need to start: ConfigMaps, Secrets and their keys, claims, a service account. */
import { isObject, ownField } from "../../../kube/json-object.ts";
import { at } from "../field-finding.ts";
import type { Finding } from "../finding.ts";
import { nearestName } from "../nearest-name.ts";
import type { ObjectIndex, Workload } from "./object-index.ts";
import { fieldAt, itemsAt, mapAt, textAt } from "./read-field.ts";

/** A mention of a ConfigMap or Secret in a pod spec. */
interface Mention {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  /** Field path of the name. */
  readonly namePath: string;
  readonly keys: readonly { readonly key: string; readonly path: string }[];
  readonly optional: boolean;
}

/** Made by the control plane in every namespace. */
const ALWAYS_THERE: ReadonlySet<string> = new Set(["kube-root-ca.crt", "openshift-service-ca.crt"]);
const CONTAINER_LISTS = ["initContainers", "containers", "ephemeralContainers"];

export function checkPodReferences(workload: Workload, index: ObjectIndex): Finding[] {
  return [
    ...mentions(workload).flatMap((mention) => checkMention(workload, mention, index)),
    ...checkServiceAccount(workload, index),
    ...checkClaims(workload, index),
  ];
}

function* mentionsOf(
  kind: "ConfigMap" | "Secret",
  source: unknown,
  path: string,
  nameField = "name",
): Generator<Mention> {
  const name = textAt(source, nameField);
  if (name === undefined) return;
  const keys = itemsAt(source, "items").flatMap(([position, item]) => {
    const key = textAt(item, "key");
    return key === undefined ? [] : [{ key, path: `${path}.items[${position}].key` }];
  });
  const key = textAt(source, "key");
  if (key !== undefined) keys.push({ key, path: `${path}.key` });
  const optional = fieldAt(source, "optional") === true;
  yield { kind, name, namePath: `${path}.${nameField}`, keys, optional };
}

function mentions({ podSpec, podSpecPath }: Workload): Mention[] {
  const found: Mention[] = [];
  for (const [position, volume] of itemsAt(podSpec, "volumes")) {
    const path = `${podSpecPath}.volumes[${position}]`;
    found.push(...mentionsOf("ConfigMap", mapAt(volume, "configMap"), `${path}.configMap`));
    found.push(...mentionsOf("Secret", mapAt(volume, "secret"), `${path}.secret`, "secretName"));
    for (const [at, source] of itemsAt(volume, "projected.sources")) {
      const sourcePath = `${path}.projected.sources[${at}]`;
      found.push(...mentionsOf("ConfigMap", mapAt(source, "configMap"), `${sourcePath}.configMap`));
      found.push(...mentionsOf("Secret", mapAt(source, "secret"), `${sourcePath}.secret`));
    }
  }
  for (const list of CONTAINER_LISTS)
    for (const [position, container] of itemsAt(podSpec, list))
      found.push(...environmentMentions(container, `${podSpecPath}.${list}[${position}]`));
  return found;
}

function environmentMentions(container: unknown, path: string): Mention[] {
  const found: Mention[] = [];
  for (const [position, variable] of itemsAt(container, "env")) {
    const from = mapAt(variable, "valueFrom");
    const fromPath = `${path}.env[${position}].valueFrom`;
    found.push(
      ...mentionsOf("ConfigMap", mapAt(from, "configMapKeyRef"), `${fromPath}.configMapKeyRef`),
    );
    found.push(...mentionsOf("Secret", mapAt(from, "secretKeyRef"), `${fromPath}.secretKeyRef`));
  }
  for (const [position, source] of itemsAt(container, "envFrom")) {
    const fromPath = `${path}.envFrom[${position}]`;
    found.push(
      ...mentionsOf("ConfigMap", mapAt(source, "configMapRef"), `${fromPath}.configMapRef`),
    );
    found.push(...mentionsOf("Secret", mapAt(source, "secretRef"), `${fromPath}.secretRef`));
  }
  return found;
}

function checkMention(workload: Workload, mention: Mention, index: ObjectIndex): Finding[] {
  const { kind, name, namePath, optional } = mention;
  if (optional || ALWAYS_THERE.has(name)) return [];
  const found = index.find(`/${kind}`, workload.namespace, name);
  if (found.length === 0)
    return [
      at(workload.manifest, namePath, "value", {
        // Secrets are often made by other means, and rightly so.
        severity: kind === "Secret" ? "info" : "warning",
        rule: kind === "Secret" ? "references/no-secret" : "references/no-configmap",
        message: `${namePath}: there is no ${kind} ${name} in the input`,
        suggestion: "Pods that need it wait until it exists: add it, or mark it optional",
      }),
    ];
  const known = found.flatMap(({ object }) => dataKeys(object));
  return mention.keys
    .filter(({ key }) => !known.includes(key))
    .map(({ key, path }) => {
      const near = nearestName(key, known);
      return at(workload.manifest, path, "value", {
        severity: "warning",
        rule: "references/no-key",
        message: `${path}: ${kind} ${name} has no key ${JSON.stringify(key)}`,
        suggestion:
          near === undefined
            ? "Add the key, or correct it"
            : `Did you mean ${JSON.stringify(near)}?`,
      });
    });
}

function dataKeys(object: unknown): string[] {
  return ["data", "binaryData", "stringData"].flatMap((field) => {
    const data = isObject(object) ? ownField(object, field) : undefined;
    return isObject(data) ? Object.keys(data) : [];
  });
}

function checkServiceAccount(
  { manifest, namespace, podSpec, podSpecPath }: Workload,
  index: ObjectIndex,
): Finding[] {
  const field =
    textAt(podSpec, "serviceAccountName") === undefined ? "serviceAccount" : "serviceAccountName";
  const name = textAt(podSpec, field);
  if (name === undefined || name === "default") return [];
  if (index.find("/ServiceAccount", namespace, name).length > 0) return [];
  const path = `${podSpecPath}.${field}`;
  return [
    at(manifest, path, "value", {
      severity: "warning",
      rule: "references/no-serviceaccount",
      message: `${path}: there is no ServiceAccount ${name} in the input`,
      suggestion: "No pod is made without it: add it, or correct the name",
    }),
  ];
}

function checkClaims(
  { manifest, namespace, podSpec, podSpecPath }: Workload,
  index: ObjectIndex,
): Finding[] {
  const templates = itemsAt(manifest.object, "spec.volumeClaimTemplates").map(([, template]) =>
    textAt(template, "metadata.name"),
  );
  return itemsAt(podSpec, "volumes").flatMap(([position, volume]) => {
    const name = textAt(volume, "persistentVolumeClaim.claimName");
    // The controller of a StatefulSet puts the claim of the template in place of such a volume.
    if (templates.includes(textAt(volume, "name"))) return [];
    if (name === undefined || index.find("/PersistentVolumeClaim", namespace, name).length > 0)
      return [];
    const path = `${podSpecPath}.volumes[${position}].persistentVolumeClaim.claimName`;
    return [
      at(manifest, path, "value", {
        severity: "warning",
        rule: "references/no-claim",
        message: `${path}: there is no PersistentVolumeClaim ${name} in the input`,
        suggestion: "Pods wait until it exists: add it, or correct the name",
      }),
    ];
  });
}
