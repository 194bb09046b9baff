/** What a manifest says: which layer holds the files, and where they come from. */
import { SourceError } from "../../source-error.ts";
import type { ArchiveLayout } from "../archive/archive.ts";
import { protocolProblem } from "../artifact-problems.ts";
import { SHA256_DIGEST } from "../artifact-store.ts";

const IMAGE_INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  IMAGE_INDEX,
  MANIFEST_LIST,
];
const HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const FLUX_CONTENT = "application/vnd.cncf.flux.content.v1.tar+gzip";
/** What Argo CD reads, and what tools push when they are told nothing. */
const TARS: ReadonlySet<string> = new Set([
  FLUX_CONTENT,
  HELM_CHART,
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/tar",
  "application/tar+gzip",
  "application/x-tar",
  "application/gzip",
]);
/** Of a manifest; real ones have a handful. */
const MAX_DESCRIPTORS = 1000;
const MAX_ANNOTATION_LENGTH = 512;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
  readonly annotations: Readonly<Record<string, string>>;
}

export type OciManifest =
  | {
      readonly kind: "index";
      readonly manifests: readonly Descriptor[];
      readonly annotations: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "artifact";
      readonly layers: readonly Descriptor[];
      readonly annotations: Readonly<Record<string, string>>;
    };

/** @throws SourceError `protocol` */
export function parseManifest(bytes: Buffer, mediaType: string, where: string): OciManifest {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw protocolProblem("the manifest is no JSON", where);
  }
  const fields = asRecord(json);
  const type = typeof fields["mediaType"] === "string" ? fields["mediaType"] : mediaType;
  const annotations = annotationsOf(fields["annotations"]);
  if (Array.isArray(fields["manifests"]) && (type === IMAGE_INDEX || type === MANIFEST_LIST))
    return { kind: "index", manifests: descriptors(fields["manifests"], where), annotations };
  if (Array.isArray(fields["layers"]))
    return { kind: "artifact", layers: descriptors(fields["layers"], where), annotations };
  throw protocolProblem("the manifest is of no kind that holds files", where);
}

/** The one manifest of an index that holds files: not a signature, and of Linux if it matters. */
export function selectManifest(manifests: readonly Descriptor[], where: string): Descriptor {
  const candidates = manifests.filter(
    ({ annotations }) => annotations["vnd.docker.reference.type"] === undefined,
  );
  const found =
    candidates.find(({ platform }) => platform?.os === undefined || platform.os === "unknown") ??
    candidates.find(({ platform }) => platform?.os === "linux") ??
    candidates[0];
  if (found === undefined) throw protocolProblem("the index holds no manifest", where);
  return found;
}

/** @throws SourceError `unsupported` when it is not clear which layer holds the files */
export function selectLayer(
  layers: readonly Descriptor[],
  wantsChart: boolean,
  where: string,
): { readonly layer: Descriptor; readonly layout: ArchiveLayout } {
  const charts = layers.filter(({ mediaType }) => mediaType === HELM_CHART);
  const flux = layers.filter(({ mediaType }) => mediaType === FLUX_CONTENT);
  const tars = layers.filter(({ mediaType }) => TARS.has(mediaType));
  const known = wantsChart || charts.length > 0 ? charts : flux;
  const [layer, second] = wantsChart || known.length > 0 ? known : tars;
  if (layer !== undefined && second === undefined)
    return { layer, layout: layer.mediaType === HELM_CHART ? "chart" : "plain" };
  const types = [...new Set(layers.map(({ mediaType }) => mediaType.slice(0, 100)))].slice(0, 5);
  throw new SourceError("unsupported", {
    what:
      layer === undefined
        ? `it has no layer with ${wantsChart ? "a Helm chart" : "a tar archive"} (found: ${types.join(", ") || "none"})`
        : "it has several layers with files: it is a container image, not an artifact",
    where,
    advice: wantsChart
      ? "Push the chart with helm push."
      : "Push the manifests as one layer: flux push artifact, oras push or helm push.",
  });
}

function descriptors(list: readonly unknown[], where: string): Descriptor[] {
  if (list.length > MAX_DESCRIPTORS) throw protocolProblem("the manifest lists too much", where);
  return list.map((each) => {
    const { mediaType, digest, size, platform, annotations } = asRecord(each);
    if (typeof digest !== "string" || !SHA256_DIGEST.test(digest))
      throw protocolProblem("the manifest names something by another digest than SHA-256", where);
    const { os, architecture } = asRecord(platform);
    return {
      mediaType: typeof mediaType === "string" ? mediaType : "",
      digest,
      sizeBytes: typeof size === "number" && size >= 0 ? size : 0,
      ...(typeof os === "string" && {
        platform: { os, ...(typeof architecture === "string" && { architecture }) },
      }),
      annotations: annotationsOf(annotations),
    };
  });
}

function annotationsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(asRecord(value)).flatMap(([key, text]) =>
      typeof text === "string" && text.length <= MAX_ANNOTATION_LENGTH ? [[key, text]] : [],
    ),
  );
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
