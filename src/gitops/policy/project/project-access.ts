/** What a Project allows an Application, before anything is fetched and after rendering. Pure. */
import { type Application, sourcesOf } from "../../../kube/kinds/application.ts";
import { DEFAULT_PROJECT, type Project, type ProjectKind } from "../../../kube/kinds/project.ts";
import { parseApiVersion } from "../../../kube/object.ts";
import { globOf, isAllowed } from "../glob-list.ts";
import type { PolicyManifest, RuleBreach } from "../policy-subject.ts";
import { sourceAddress } from "./source-address.ts";

/** Holds while nobody made a Project `default`: everything is allowed. */
export const OPEN_PROJECT: Project = {
  apiVersion: "gantry.dev/v1",
  kind: "Project",
  metadata: { name: DEFAULT_PROJECT },
  spec: {
    sourceRepos: ["*"],
    destinations: [{}],
    clusterResourceWhitelist: [{ group: "*", kind: "*" }],
  },
};

export interface ProjectBreach {
  /** Of a condition: `ProjectNotFound`, `SourceNotPermitted`, … */
  readonly reason: string;
  readonly message: string;
}

/** The Project of an Application, or why there is none for it. */
export function projectFor(
  application: Application,
  projectOf: (name: string) => Project | undefined,
): Project | ProjectBreach {
  const name = application.spec.project ?? DEFAULT_PROJECT;
  const project = projectOf(name) ?? (name === DEFAULT_PROJECT ? OPEN_PROJECT : undefined);
  const namespace = application.metadata.namespace ?? "";
  const { sourceNamespaces } = project?.spec ?? {};
  if (
    project !== undefined &&
    (sourceNamespaces === undefined || isAllowed(sourceNamespaces, namespace))
  )
    return project;
  // Whether a Project exists is not told to whom it is closed.
  const message = `there is no Project ${JSON.stringify(name)} that Applications in namespace ${JSON.stringify(namespace)} may use: create it, or list the namespace in its spec.sourceNamespaces`;
  return { reason: "ProjectNotFound", message };
}

/** Asked before anything is fetched. */
export function sourceBreach(
  { spec }: Application,
  { metadata, spec: allowed }: Project,
): ProjectBreach | undefined {
  for (const { repoURL } of sourcesOf(spec)) {
    const address = sourceAddress(repoURL);
    if (isAllowed((allowed.sourceRepos ?? []).map(patternOf), address)) continue;
    const message = `Project ${metadata.name} does not allow the repository ${address}: add it to spec.sourceRepos, or use one that is there`;
    return { reason: "SourceNotPermitted", message };
  }
  const namespace = spec.destination.namespace ?? "default";
  if (isDestination(spec.destination, namespace, allowed)) return undefined;
  const message = `Project ${metadata.name} does not allow the destination namespace ${JSON.stringify(namespace)}${cluster(spec.destination)}: add it to spec.destinations`;
  return { reason: "DestinationNotPermitted", message };
}

function patternOf(pattern: string): string {
  return pattern.startsWith("!") ? `!${sourceAddress(pattern.slice(1))}` : sourceAddress(pattern);
}

/** Asked of every rendered object. `namespaced` undefined: nobody knows; then both lists must allow it. */
export function objectBreach(
  { object }: PolicyManifest,
  {
    application,
    project,
    namespaced,
  }: {
    readonly application: Application;
    readonly project: Project;
    readonly namespaced: boolean | undefined;
  },
): RuleBreach | undefined {
  const { spec, metadata } = project;
  const { destination } = application.spec;
  const { group } = parseApiVersion(object.apiVersion);
  const subject = { group, kind: object.kind, name: object.metadata.name };
  const fits = (kinds: readonly ProjectKind[]): boolean =>
    kinds.some((it) => fitsKind(it, subject));
  const isForbidden =
    (namespaced !== true &&
      (!fits(spec.clusterResourceWhitelist ?? []) || fits(spec.clusterResourceBlacklist ?? []))) ||
    (namespaced !== false &&
      ((spec.namespaceResourceWhitelist !== undefined && !fits(spec.namespaceResourceWhitelist)) ||
        fits(spec.namespaceResourceBlacklist ?? [])));
  if (isForbidden)
    return {
      rule: "project/kind",
      severity: "error",
      message: `Project ${metadata.name} does not allow ${group === "" ? "" : `${group}/`}${object.kind}`,
      path: "kind",
      suggestion: `Allow it in spec.${namespaced === false ? "clusterResourceWhitelist" : "namespaceResourceWhitelist"} of the Project`,
    };
  if (namespaced === false) return undefined;
  const namespace = nonEmpty(object.metadata.namespace) ?? destination.namespace ?? "default";
  if (isDestination(destination, namespace, spec)) return undefined;
  return {
    rule: "project/namespace",
    severity: "error",
    message: `Project ${metadata.name} does not allow objects in namespace ${JSON.stringify(namespace)}`,
    path: "metadata.namespace",
    suggestion: "Allow it in spec.destinations of the Project",
  };
}

function fitsKind(
  { group, kind, name }: ProjectKind,
  subject: { readonly group: string; readonly kind: string; readonly name: string },
): boolean {
  return (
    globOf(group)(subject.group) &&
    globOf(kind)(subject.kind) &&
    (name === undefined || globOf(name)(subject.name))
  );
}

/** The cluster that the operator runs in, by the names that Argo CD gives it. */
const OWN_SERVER = "https://kubernetes.default.svc";
const OWN_NAME = "in-cluster";

function isDestination(
  { server, name }: Application["spec"]["destination"],
  namespace: string,
  { destinations = [] }: Project["spec"],
): boolean {
  const isOwn = nonEmpty(server) === undefined && nonEmpty(name) === undefined;
  const cluster = {
    server: nonEmpty(server) ?? (isOwn || name === OWN_NAME ? OWN_SERVER : ""),
    name: nonEmpty(name) ?? (isOwn || server === OWN_SERVER ? OWN_NAME : ""),
  };
  let allowed = false;
  for (const entry of destinations) {
    const parts: readonly (readonly [string | undefined, string])[] = [
      [entry.server, cluster.server],
      [entry.name, cluster.name],
      [entry.namespace, namespace],
    ];
    const denies = parts.some(([pattern]) => pattern?.startsWith("!") === true);
    const fits = parts.every(
      ([pattern, text]) => pattern === undefined || globOf(pattern.replace(/^!/, ""))(text),
    );
    if (!fits) continue;
    if (denies) return false;
    allowed = true;
  }
  return allowed;
}

function cluster({ server, name }: Application["spec"]["destination"]): string {
  const named = nonEmpty(name) ?? nonEmpty(server);
  return named === undefined ? "" : ` of the cluster ${JSON.stringify(named)}`;
}

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
