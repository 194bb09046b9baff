/** The files that a volume made of API objects should hold, pure. */
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { fieldValue, type NodeFacts, resourceValue } from "../env/downward.ts";
import {
  type ConfigData,
  MissingReferenceError,
  type ReferencedData,
  readAll,
} from "../env/missing-reference.ts";
import { allContainersOf, namespaceOf, specOf } from "../pod-model.ts";
import type { VolumeFile, VolumePayload } from "./atomic-writer.ts";
import { VolumeError } from "./volume-error.ts";

export interface PayloadInputs {
  readonly pod: Pod;
  readonly data: ReferencedData;
  readonly node: NodeFacts;
  readonly tokenFor: (projection: ServiceAccountTokenProjection) => string;
}

const DEFAULT_MODE = 0o644;
/** A token is its pod's alone where it can be told whose that is. */
const PRIVATE_TOKEN_MODE = 0o600;
/** What the group of the pod may do with files that are written for it. */
const GROUP_READ = 0o440;

/**
 * Undefined for volumes that are not made of API objects. Throws `MissingReferenceError` while
 * something that is not optional is missing, `VolumeError` for what this node does not have.
 */
export function volumePayload(volume: Volume, inputs: PayloadInputs): VolumePayload | undefined {
  const files = filesOf(volume, inputs);
  const { fsGroup } = specOf(inputs.pod).securityContext ?? {};
  if (files === undefined || fsGroup === undefined) return files;
  return new Map(
    [...files].map(([path, file]) => [
      path,
      { ...file, mode: file.mode | GROUP_READ, owner: { ...file.owner, gid: fsGroup } },
    ]),
  );
}

/** Whether the node writes the volume's files itself, from objects, and writes them anew. */
export const isWritten = ({ configMap, secret, downwardAPI, projected }: Volume): boolean =>
  [configMap, secret, downwardAPI, projected].some((source) => source !== undefined);

/** The tokens that the volume shows. */
export function tokensOf({ projected }: Volume): ServiceAccountTokenProjection[] {
  return (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
    serviceAccountToken === undefined ? [] : [serviceAccountToken],
  );
}

function filesOf(volume: Volume, inputs: PayloadInputs): VolumePayload | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    const mode = configMap.defaultMode ?? DEFAULT_MODE;
    return keyFiles("configmap", configMap, configMap.items, mode, inputs);
  }
  if (secret !== undefined) {
    const { secretName = "", optional = false, items } = secret;
    const mode = secret.defaultMode ?? DEFAULT_MODE;
    return keyFiles("secret", { name: secretName, optional }, items, mode, inputs);
  }
  if (downwardAPI !== undefined)
    return downwardFiles(downwardAPI.items ?? [], downwardAPI.defaultMode ?? DEFAULT_MODE, inputs);
  if (projected === undefined) return undefined;
  const files = new Map<string, VolumeFile>();
  for (const source of projected.sources ?? [])
    for (const [path, file] of projection(source, projected.defaultMode ?? DEFAULT_MODE, inputs))
      files.set(path, file);
  return files;
}

function projection(source: VolumeProjection, mode: number, inputs: PayloadInputs): VolumePayload {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined)
    return keyFiles("configmap", configMap, configMap.items, mode, inputs);
  if (secret !== undefined) return keyFiles("secret", secret, secret.items, mode, inputs);
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI.items ?? [], mode, inputs);
  if (serviceAccountToken !== undefined) {
    const file = tokenFile(inputs.tokenFor(serviceAccountToken), mode, inputs.pod);
    return new Map([[checkedPath(serviceAccountToken.path), file]]);
  }
  const [kind = "nothing"] = Object.keys(source);
  throw new VolumeError(
    `projected volumes from ${kind} are not supported by this node; use configMap, secret, downwardAPI or serviceAccountToken`,
  );
}

/** Readable by the one user or the group that all containers have; else, as upstream, by everybody. */
function tokenFile(token: string, defaultMode: number, pod: Pod): VolumeFile {
  const bytes = Buffer.from(token);
  const { fsGroup, runAsUser } = specOf(pod).securityContext ?? {};
  if (fsGroup !== undefined) return { bytes, mode: PRIVATE_TOKEN_MODE };
  const [uid, ...others] = new Set(
    allContainersOf(pod).map(({ securityContext }) => securityContext?.runAsUser ?? runAsUser),
  );
  if (uid === undefined || others.length > 0) return { bytes, mode: defaultMode };
  return { bytes, mode: PRIVATE_TOKEN_MODE, owner: { uid } };
}

function keyFiles(
  kind: "configmap" | "secret",
  reference: { readonly name?: string; readonly optional?: boolean },
  items: readonly KeyToPath[] | undefined,
  defaultMode: number,
  { data, pod }: PayloadInputs,
): VolumePayload {
  const files = new Map<string, VolumeFile>();
  const content: ConfigData | undefined = readAll(data, kind, reference);
  if (content === undefined) return files;
  if (items === undefined || items.length === 0) {
    for (const [key, bytes] of content) files.set(key, { bytes, mode: defaultMode });
    return files;
  }
  for (const { key, path, mode } of items) {
    const bytes = content.get(key);
    if (bytes !== undefined) files.set(checkedPath(path), { bytes, mode: mode ?? defaultMode });
    else if (reference.optional !== true)
      throw new MissingReferenceError(
        `${kind} ${namespaceOf(pod)}/${reference.name ?? ""} has no key "${key}", which a volume of the pod asks for`,
      );
  }
  return files;
}

function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  { pod, node }: PayloadInputs,
): VolumePayload {
  const files = new Map<string, VolumeFile>();
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    let text: string | undefined;
    if (fieldRef !== undefined) text = fieldValue(pod, fieldRef, node);
    else if (resourceFieldRef !== undefined) {
      const [container] = allContainersOf(pod);
      if (container !== undefined) text = resourceValue(pod, container, resourceFieldRef, node);
    }
    if (text === undefined)
      throw new MissingReferenceError(
        `unsupported downward API field ${fieldRef?.fieldPath ?? ""} for file ${path}`,
      );
    files.set(checkedPath(path), { bytes: Buffer.from(text), mode: mode ?? defaultMode });
  }
  return files;
}

/** Validation refuses these already; a node trusts nothing that becomes a path. */
function checkedPath(path: string): string {
  if (path === "" || path.startsWith("/") || path.split("/").includes(".."))
    throw new MissingReferenceError(`volume path "${path}" leaves its volume: use a relative path`);
  return path;
}
