/**
 * Kustomize: the real program over exactly the files that a kustomization reaches, and its objects
 * traced back to the files that they are written in.
 */
import { createHash } from "node:crypto";
import { compareFindings, type Finding, type Position } from "../../check/finding.ts";
import { DecryptError } from "../../decrypt/decrypt-error.ts";
import { isObject } from "../../../kube/json-object.ts";
import type { KustomizeSource } from "../../../kube/kinds/application.ts";
import { deepFreeze, type KubeObject } from "../../../kube/object.ts";
import { joinPath } from "../../source/tree-path.ts";
import { decryptFinding } from "../decrypt-rendered.ts";
import { withoutDuplicates } from "../duplicates.ts";
import type { Footprint } from "../footprint.ts";
import type { Manifest } from "../manifest.ts";
import {
  findingsOf,
  type FileObject,
  type ManifestFile,
  readManifestFile,
} from "../manifest-file.ts";
import { limitFinding, programFinding } from "../program-problem.ts";
import { ROOT_MARK } from "../programs/sandbox.ts";
import { relativeTo, resolveReference } from "../reference-path.ts";
import { failedRendering, type Rendered } from "../render.ts";
import { TREE } from "../sandbox-layout.ts";
import { objectBehind } from "../source-place.ts";
import type { DirectoryRendering } from "../source-rendering.ts";
import { TooManyFilesError, VisibleFiles } from "../visible-files.ts";
import type { ConfigDocument } from "../yaml/config-file.ts";
import { asksForOrigin, OVERLAY, overlayOf } from "./overlay.ts";
import { originOf, withoutOrigin } from "./origin.ts";
import { ReachableFiles } from "./reachable-files.ts";

const GENERATORS = ["configMapGenerator", "secretGenerator"];

/** @throws SourceError */
export async function renderKustomize(rendering: DirectoryRendering): Promise<Rendered> {
  const { directory, tree, environment, signal } = rendering;
  const visible = new VisibleFiles();
  const reachable = new ReachableFiles({
    tree,
    cache: environment.cache,
    visible,
    prefix: `${TREE}/`,
  });
  const source = rendering.source.kustomize ?? {};
  let extras: Extras;
  try {
    await reachable.directory(directory);
    extras = await addExtras(reachable, directory, source);
  } catch (error) {
    if (!(error instanceof TooManyFilesError)) throw error;
    return tooMany(error, directory, await reachable.footprint());
  }
  const footprint = await reachable.footprint();
  const top = reachable.kustomizations.get(directory);
  if (top === undefined || reachable.findings.length > 0)
    return {
      ...failedRendering(reachable.findings[0] ?? nothing(directory), footprint),
      id: JSON.stringify(["failed", reachable.findings]),
      findings: reachable.findings.sort(compareFindings),
    };
  const own = top.document.value;
  if (own["kind"] === "Component") return failedRendering(componentAlone(top), footprint);
  const overlay = overlayOf({ directory, own, source, ...extras });
  visible.addContent(`${OVERLAY}/kustomization.yaml`, JSON.stringify(overlay));
  const program = await environment.programs.require("kustomize", top.file);
  const key = digest(["kustomize", program.name, visible.digest(), environment.decryptor?.id]);
  const make = async () => {
    const loaded = await visible.load(environment.decryptor);
    const result = await environment.programs.run(program, {
      args: ["--load-restrictor=LoadRestrictionsNone", `${ROOT_MARK}/${OVERLAY}`],
      files: loaded.files,
      signal,
    });
    const limit = limitFinding(result, program, top.file);
    const place = { file: top.file, line: 1, column: 1 };
    const failure =
      limit ??
      (result.exitCode === 0
        ? undefined
        : programFinding(result, program, placeOf(result.stderr, visible) ?? place, loaded));
    const rendered =
      failure === undefined
        ? trace(readManifestFile(result.stdout), { key, reachable, visible, rendering, top })
        : failedRendering(failure, []);
    return { rendered, sizeBytes: result.stdout.length + 1024, repeatable: limit === undefined };
  };
  try {
    const rendered = await environment.outputs.rendered(key, make, signal);
    return { ...rendered, footprint };
  } catch (error) {
    if (error instanceof TooManyFilesError) return tooMany(error, directory, footprint);
    if (!(error instanceof DecryptError)) throw error;
    return failedRendering(
      decryptFinding(error, { file: top.file, line: 1, column: 1 }),
      footprint,
    );
  }
}

interface Extras {
  readonly components: readonly string[];
  readonly patchPaths: ReadonlyMap<number, string>;
}

/** Files that the Application itself names. */
async function addExtras(
  reachable: ReachableFiles,
  directory: string,
  { components = [], patches = [] }: KustomizeSource,
): Promise<Extras> {
  const place = { file: joinPath(directory, "kustomization.yaml"), line: 1, column: 1 };
  const realComponents: string[] = [];
  for (const [index, path] of components.entries()) {
    const field = `spec.source.kustomize.components[${index}]`;
    const real = await reachable.mentioned(
      directory,
      { field, path, to: "component" },
      { ...place, field },
    );
    if (real !== undefined) realComponents.push(real);
  }
  const patchPaths = new Map<number, string>();
  for (const [index, { path }] of patches.entries()) {
    if (path === undefined) continue;
    const field = `spec.source.kustomize.patches[${index}].path`;
    const real = await reachable.mentioned(
      directory,
      { field, path, to: "file" },
      { ...place, field },
    );
    if (real !== undefined) patchPaths.set(index, real);
  }
  return { components: realComponents, patchPaths };
}

/** The file that a message is about, where it names one that is there. */
function placeOf(stderr: string, visible: VisibleFiles): (Position & { file: string }) | undefined {
  const line = Number(/\bline (\d+)/.exec(stderr)?.[1] ?? 1);
  let last: string | undefined;
  for (const [, quoted = ""] of stderr.matchAll(
    /(?:^|[\s'"(:/])((?:tree\/|(?:\.\.\/)+)?[\w.@/-]+\.(?:ya?ml|json))/g,
  )) {
    const bare = quoted.replace(/^(?:\.\.\/)*/, "");
    const path = bare.startsWith(`${TREE}/`) ? bare : `${TREE}/${bare}`;
    const from = visible.fromOf(path) ?? ending(bare, visible);
    if (from !== undefined) last = from;
  }
  return last === undefined ? undefined : { file: last, line, column: 1 };
}

function ending(name: string, visible: VisibleFiles): string | undefined {
  const found = [...visible.paths()].filter((path) => path.endsWith(`/${name}`));
  return found.length === 1 ? visible.fromOf(found[0] ?? "") : undefined;
}

interface TraceContext {
  readonly key: string;
  readonly reachable: ReachableFiles;
  readonly visible: VisibleFiles;
  readonly rendering: DirectoryRendering;
  readonly top: { readonly file: string; readonly document: ConfigDocument };
}

function trace(output: ManifestFile, context: TraceContext): Rendered {
  const { key, top, rendering } = context;
  const keep = asksForOrigin(top.document.value);
  const rewrite = (path: string): string => {
    const real = resolveReference(OVERLAY, path);
    const inTree = real?.startsWith(`${TREE}/`) === true ? real.slice(TREE.length + 1) : path;
    return relativeTo(rendering.directory, inTree);
  };
  const traced = output.objects.map((entry): Manifest => {
    const object = deepFreeze(withoutOrigin(entry.object, { keep, rewrite }));
    return { object, ...writtenAt(entry, context) };
  });
  const { unique, findings } = withoutDuplicates(traced);
  const wrong = findingsOf(output, top.file).map(
    (finding): Finding => ({ ...finding, line: 1, column: 1 }),
  );
  return {
    id: key,
    objects: unique,
    findings: [...wrong, ...findings].sort(compareFindings),
    complete: output.complete,
    footprint: [],
  };
}

/** Where the object is written, and where its fields are. */
function writtenAt(
  entry: FileObject,
  context: TraceContext,
): Pick<Manifest, "origin" | "positionOf"> {
  const { reachable, visible, rendering, top } = context;
  const { document } = entry;
  const origin = originOf(entry.object);
  const real = origin === undefined ? undefined : resolveReference(OVERLAY, origin.path);
  const file = real === undefined ? undefined : visible.fromOf(real);
  if (origin === undefined || real === undefined || file === undefined)
    return fixed({ file: top.file, line: 1, column: 1, document });
  if (origin.isGenerated) {
    const from = [...reachable.kustomizations.values()].find((one) => one.file === file);
    return fixed({ file, ...generatorPosition(from?.document, entry.object), document });
  }
  const blobId = visible.blobIdOf(real);
  const source = blobId === undefined ? undefined : rendering.environment.cache.get(blobId);
  const behind = source === undefined ? undefined : objectBehind(source, entry.object);
  if (source === undefined || behind === undefined)
    return fixed({ file, line: 1, column: 1, document });
  return {
    origin: { file, ...behind.position, document: behind.document },
    positionOf: (path, of = "value") => source.positionOf(behind, path, of),
  };
}

function fixed(origin: Manifest["origin"]): Pick<Manifest, "origin" | "positionOf"> {
  return { origin, positionOf: () => ({ line: origin.line, column: origin.column }) };
}

function generatorPosition(
  document: ConfigDocument | undefined,
  { metadata }: KubeObject,
): Position {
  const start = { line: 1, column: 1 };
  if (document === undefined) return start;
  for (const field of GENERATORS) {
    const items = document.value[field];
    if (!Array.isArray(items)) continue;
    const index = items.findIndex(
      (item) =>
        isObject(item) && typeof item["name"] === "string" && metadata.name.includes(item["name"]),
    );
    if (index >= 0) return document.positionOf(`${field}[${index}]`);
  }
  return start;
}

function digest(parts: readonly (string | undefined)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function componentAlone({ file, document }: TraceContext["top"]): Finding {
  return {
    severity: "error",
    rule: "render/part",
    message: "a component has nothing of its own to render",
    file,
    ...document.positionOf("kind"),
    suggestion: "Name a folder whose kustomization lists it under components",
  };
}

function nothing(directory: string): Finding {
  const file = joinPath(directory, "kustomization.yaml");
  const message = "nothing can be rendered here";
  return { severity: "error", rule: "render/kustomize", message, file, line: 1, column: 1 };
}

function tooMany(
  { message }: TooManyFilesError,
  directory: string,
  footprint: Footprint,
): Rendered {
  return failedRendering(
    {
      severity: "error",
      rule: "file/too-many",
      message,
      file: joinPath(directory, "."),
      line: 1,
      column: 1,
      suggestion: "Split what is rendered into several Applications",
    },
    footprint,
  );
}
