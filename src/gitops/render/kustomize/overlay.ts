/**
 * The fields of `spec.source.kustomize`, as an overlay on top of the folder: so Kustomize itself does
 * what they say, and the repository's files stay as they are. It is there without such fields as
 * well, to ask where each object comes from.
 */
import type { KustomizeSource } from "../../../kube/kinds/application.ts";
import { isObject, type UnknownObject } from "../../../kube/json-object.ts";
import type { Json, JsonObject } from "../../../kube/object.ts";
import { relativeTo } from "../reference-path.ts";
import { TREE } from "../sandbox-layout.ts";

export const OVERLAY = "overlay";

export interface OverlayOptions {
  /** The folder that is rendered. */
  readonly directory: string;
  /** Its own kustomization: what only counts at the top is taken over. */
  readonly own: UnknownObject;
  readonly source: KustomizeSource;
  /** Real paths of what the source's components and patches name, by their index. */
  readonly components: readonly string[];
  readonly patchPaths: ReadonlyMap<number, string>;
}

/** Kustomize reads these of the topmost kustomization only. */
const ORIGIN = "originAnnotations";

export function asksForOrigin(own: UnknownObject): boolean {
  return buildMetadata(own).includes(ORIGIN);
}

export function overlayOf(options: OverlayOptions): JsonObject {
  const { directory, own, source, components, patchPaths } = options;
  const here = (path: string): string =>
    relativeTo(OVERLAY, path === "" ? TREE : `${TREE}/${path}`);
  const { namePrefix, nameSuffix, namespace, commonAnnotations, replicas } = source;
  const fields: Record<string, Json | undefined> = {
    resources: [here(directory)],
    components: components.length === 0 ? undefined : components.map(here),
    namePrefix,
    nameSuffix,
    namespace,
    commonAnnotations,
    labels: labelsOf(source),
    images: source.images?.map(imageOf),
    replicas: replicas?.map(({ name, count }) => ({ name, count })),
    patches: source.patches?.map(({ target, patch, options: patchOptions }, index) => {
      const path = patchPaths.get(index);
      return present({
        target,
        patch,
        path: path === undefined ? undefined : here(path),
        options: patchOptions,
      });
    }),
    buildMetadata: [...new Set([...buildMetadata(own), ORIGIN])],
    sortOptions: isObject(own["sortOptions"]) ? (own["sortOptions"] as JsonObject) : undefined,
  };
  return {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    ...present(fields),
  };
}

function labelsOf({ commonLabels, labelWithoutSelector }: KustomizeSource): Json | undefined {
  if (commonLabels === undefined) return undefined;
  return [{ pairs: commonLabels, includeSelectors: labelWithoutSelector !== true }];
}

/**
 * As `kustomize edit set image` reads it: `name=newName:tag`, `name=newName@digest`, `name:tag`,
 * `name@digest`, `name=newName`.
 */
export function imageOf(text: string): JsonObject {
  const equals = text.indexOf("=");
  const target = equals < 0 ? text : text.slice(equals + 1);
  const at = target.indexOf("@");
  const digest = at < 0 ? undefined : target.slice(at + 1);
  const rest = at < 0 ? target : target.slice(0, at);
  // A colon before the last slash belongs to a registry's port.
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  const image = colon < 0 ? rest : rest.slice(0, colon);
  const newTag = colon < 0 ? undefined : rest.slice(colon + 1);
  const name = equals < 0 ? image : text.slice(0, equals);
  const newName = equals < 0 || image === "" || image === "*" ? undefined : image;
  return present({ name, newName, newTag, digest });
}

function buildMetadata(own: UnknownObject): string[] {
  const asked = own["buildMetadata"];
  return Array.isArray(asked) ? asked.filter((item) => typeof item === "string") : [];
}

function present(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}
