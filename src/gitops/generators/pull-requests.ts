/**
 * Parameters from a list of open pull requests, as the APIs of GitHub, Gitea, GitLab and Bitbucket
 * answer it, or any other endpoint with `fields` that say where things stand.
 */
import type { PullRequestGenerator } from "../../kube/kinds/applicationset.ts";
import type { Json, JsonObject } from "../../kube/object.ts";
import { compileGlob, type Glob } from "../render/glob.ts";
import { slug } from "../template/functions.ts";
import { GeneratorError, type Parameters, withValues } from "./parameters.ts";

/** Where each field stands in the answers of the forges; the first that is there counts. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  number: ["number", "iid", "id"],
  title: ["title"],
  branch: ["head.ref", "source_branch", "source.branch.name", "fromRef.displayId"],
  targetBranch: ["base.ref", "target_branch", "destination.branch.name", "toRef.displayId"],
  headSha: ["head.sha", "sha", "source.commit.hash", "fromRef.latestCommit"],
  author: ["user.login", "author.username", "author.nickname", "author.user.name"],
  labels: ["labels"],
};
/** Bitbucket wraps the list. */
const ITEMS_PATHS = ["values", "items"];
const SHORT_SHA = 8;
const SHORT_SHA_7 = 7;

interface PullRequest {
  readonly number: string;
  readonly title: string;
  readonly branch: string;
  readonly targetBranch: string;
  readonly headSha: string;
  readonly author: string;
  readonly labels: readonly string[];
}

/** The list in one answer. @throws GeneratorError when there is none */
export function itemsOf(answer: Json, itemsPath: string | undefined): readonly Json[] {
  const found =
    itemsPath === undefined
      ? [answer, ...ITEMS_PATHS.map((path) => at(answer, path))].find(Array.isArray)
      : at(answer, itemsPath);
  if (Array.isArray(found)) return found as readonly Json[];
  throw new GeneratorError(
    `the answer has no list${itemsPath === undefined ? "; set itemsPath" : ` at ${itemsPath}`}`,
  );
}

/** @throws GeneratorError for an item that is no pull request, and for malformed globs */
export function pullRequestParameters(
  items: readonly Json[],
  generator: PullRequestGenerator,
): Parameters[] {
  const accepts = filterOf(generator);
  return items
    .map((item) => read(item, generator.fields ?? {}))
    .filter(accepts)
    .map((request) => withValues(parametersOf(request), generator.values));
}

function parametersOf(request: PullRequest): Parameters {
  const { number, title, branch, targetBranch, headSha, author, labels } = request;
  return {
    number,
    title,
    author,
    labels,
    branch,
    branch_slug: slug(branch),
    target_branch: targetBranch,
    target_branch_slug: slug(targetBranch),
    head_sha: headSha,
    head_short_sha: headSha.slice(0, SHORT_SHA),
    head_short_sha_7: headSha.slice(0, SHORT_SHA_7),
  };
}

function read(item: Json, fields: Readonly<Record<string, string>>): PullRequest {
  const text = (field: string): string | undefined => {
    const own = fields[field];
    for (const path of own === undefined ? (FIELDS[field] ?? []) : [own]) {
      const value = at(item, path);
      if (typeof value === "string" || typeof value === "number") return String(value);
    }
    return undefined;
  };
  const required = (field: string): string => {
    const value = text(field);
    if (value === undefined)
      throw new GeneratorError(`a pull request of the list has no ${field}; say where with fields`);
    return value;
  };
  return {
    number: required("number"),
    branch: required("branch"),
    headSha: required("headSha"),
    title: text("title") ?? "",
    targetBranch: text("targetBranch") ?? "",
    author: text("author") ?? "",
    labels: labelsOf(at(item, fields["labels"] ?? "labels")),
  };
}

/** Texts (GitLab), or objects with a name (GitHub, Gitea). */
function labelsOf(value: Json | undefined): string[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Json[]).flatMap((label) => {
    const name = typeof label === "string" ? label : at(label, "name");
    return typeof name === "string" ? [name] : [];
  });
}

function filterOf({
  filters = [],
  labels = [],
}: PullRequestGenerator): (of: PullRequest) => boolean {
  const compiled = filters.map(({ branchMatch, targetBranchMatch, titleMatch }) => ({
    branch: globOf(branchMatch),
    targetBranch: globOf(targetBranchMatch),
    title: globOf(titleMatch),
  }));
  return (request) =>
    labels.every((label) => request.labels.includes(label)) &&
    (compiled.length === 0 ||
      compiled.some(
        ({ branch, targetBranch, title }) =>
          branch(request.branch) && targetBranch(request.targetBranch) && title(request.title),
      ));
}

function globOf(pattern: string | undefined): Glob {
  if (pattern === undefined) return () => true;
  const glob = compileGlob(pattern);
  if (glob === undefined) throw new GeneratorError(`${JSON.stringify(pattern)} is no glob`);
  return glob;
}

function at(value: Json | undefined, path: string): Json | undefined {
  let found = value;
  for (const name of path.split(".")) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name))
      return undefined;
    found = (found as JsonObject)[name];
  }
  return found;
}
