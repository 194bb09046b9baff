/** Which objects a Policy is about. */
import type { Application } from "../../../kube/kinds/application.ts";
import type { PolicyMatch } from "../../../kube/kinds/policy.ts";
import { DEFAULT_PROJECT } from "../../../kube/kinds/project.ts";
import { matchesLabels, SelectorError, selectorOf } from "../../../kube/label-selector.ts";
import { type KubeObject, parseApiVersion } from "../../../kube/object.ts";
import { fitsAny } from "../glob-list.ts";

export type Matcher = (object: KubeObject, application: Application | undefined) => boolean;

/** @throws {SelectorError} when the label selector is malformed */
export function matcherOf(match: PolicyMatch): Matcher {
  const selector = match.labelSelector === undefined ? undefined : selectorOf(match.labelSelector);
  const fits = (patterns: readonly string[] | undefined, text: string): boolean =>
    patterns === undefined || fitsAny(patterns, text);
  return (object, application) => {
    const { metadata, kind } = object;
    const { group } = parseApiVersion(object.apiVersion);
    const namespace = metadata.namespace ?? application?.spec.destination.namespace ?? "";
    if (!fits(match.groups, group) || !fits(match.kinds, kind)) return false;
    if (!fits(match.namespaces, namespace) || !fits(match.names, metadata.name)) return false;
    if (selector !== undefined && !matchesLabels(selector, metadata.labels)) return false;
    // Without an Application, as in a check of files, what is for some of them is for all.
    if (application === undefined) return true;
    const { name, namespace: home = "" } = application.metadata;
    const names = match.applications;
    if (names !== undefined && !fitsAny(names, name) && !fitsAny(names, `${home}/${name}`))
      return false;
    return fits(match.projects, application.spec.project ?? DEFAULT_PROJECT);
  };
}

export { SelectorError };
