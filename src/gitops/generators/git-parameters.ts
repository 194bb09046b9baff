/** Parameters from a tree: its directories, or what its YAML and JSON files say. */
import type { GitGenerator } from "../../kube/kinds/applicationset.ts";
import type { Json, JsonObject } from "../../kube/object.ts";
import { parseYaml } from "../render/yaml/parse-yaml.ts";
import type { Tree } from "../source/source.ts";
import { joinPath } from "../source/tree-path.ts";
import { dnsName } from "../template/functions.ts";
import { GeneratorError, type Parameters, withValues } from "./parameters.ts";
import { compilePathGlob, type PathGlob } from "./path-glob.ts";

/** Of one tree; a repository of more directories is walked no further. */
const MAX_ENTRIES = 100_000;
/** Parameters are a few lines. */
const MAX_FILE_BYTES = 1024 * 1024;

interface Found {
  readonly path: string;
  readonly blobId: string | undefined;
}

/** @throws GeneratorError for malformed globs and files */
export async function gitParameters(tree: Tree, generator: GitGenerator): Promise<Parameters[]> {
  const isFiles = generator.files !== undefined;
  const wanted = filterOf(generator.files ?? generator.directories ?? []);
  const found = (await walk(tree, isFiles, wanted)).sort((a, b) => (a.path < b.path ? -1 : 1));
  const sets: Parameters[] = [];
  for (const { path, blobId } of found) {
    const place = placed(generator, pathParameters(path, isFiles));
    const contents = blobId === undefined ? [{}] : await readParameters(tree, path, blobId);
    for (const content of contents)
      sets.push(withValues({ ...content, ...place }, generator.values));
  }
  return sets;
}

function filterOf(globs: readonly { path: string; exclude?: boolean }[]): PathGlob {
  const compiled = globs.map(({ path, exclude }) => {
    const matches = compilePathGlob(path);
    if (matches === undefined) throw new GeneratorError(`${JSON.stringify(path)} is no glob`);
    return { matches, exclude: exclude === true };
  });
  return (path) =>
    compiled.some(({ matches, exclude }) => !exclude && matches(path)) &&
    !compiled.some(({ matches, exclude }) => exclude && matches(path));
}

/** Symlinks and submodules are passed over: what they lead to has a path of its own, or is elsewhere. */
async function walk(tree: Tree, isFiles: boolean, wanted: PathGlob): Promise<Found[]> {
  const found: Found[] = [];
  const open = [""];
  let seen = 0;
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const { name, kind, id } of await tree.entries(directory)) {
      if (++seen > MAX_ENTRIES)
        throw new GeneratorError(
          `the repository has more than ${MAX_ENTRIES} files and directories`,
        );
      if (name.startsWith(".") && kind === "directory") continue;
      const path = joinPath(directory, name);
      if (kind === "directory") open.push(path);
      if (kind === (isFiles ? "file" : "directory") && wanted(path))
        found.push({ path, blobId: isFiles ? id : undefined });
    }
  }
  return found;
}

function pathParameters(path: string, isFile: boolean): JsonObject {
  const segments = path.split("/");
  const filename = isFile ? (segments.pop() ?? "") : undefined;
  const basename = segments.at(-1) ?? "";
  return {
    path: segments.join("/"),
    basename,
    basenameNormalized: dnsName(basename),
    segments,
    // `{{path[0]}}` in Argo CD's older templates.
    ...Object.fromEntries(segments.map((segment, at) => [String(at), segment])),
    ...(filename === undefined ? {} : { filename, filenameNormalized: dnsName(filename) }),
  };
}

function placed({ pathParamPrefix }: GitGenerator, path: JsonObject): Parameters {
  if (pathParamPrefix === undefined || pathParamPrefix === "") return { path };
  return { [pathParamPrefix]: { path } };
}

/** One object, or a list of them. */
async function readParameters(tree: Tree, path: string, blobId: string): Promise<Parameters[]> {
  const bytes = await tree.blob(blobId, { maxBytes: MAX_FILE_BYTES });
  const { documents, problems } = parseYaml(new TextDecoder().decode(bytes));
  const problem = problems.find(({ severity }) => severity === "error");
  if (problem !== undefined) throw new GeneratorError(`${path}: ${problem.message}`);
  return documents.flatMap((document) => {
    const value = document.value ?? [];
    const items: readonly Json[] = Array.isArray(value) ? value : [value];
    return items.map((item) => {
      if (typeof item !== "object" || item === null || Array.isArray(item))
        throw new GeneratorError(`${path}: parameters are an object, or a list of objects`);
      return item as Parameters;
    });
  });
}
