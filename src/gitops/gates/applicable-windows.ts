/** The windows that hold for an Application: its own, and those of its Project that name it. Pure. */
import type { Application, SyncWindow } from "../../kube/kinds/application.ts";
import { compileGlob } from "../render/glob.ts";

/**
 * Windows of a Project choose by the Application's name, its destination namespace or its cluster
 * (name or URL); one match is enough, as in Argo CD. A window that names nothing is for all.
 */
export function applicableWindows(
  application: Application,
  projectWindows: readonly SyncWindow[],
): readonly SyncWindow[] {
  const own = application.spec.syncPolicy?.windows ?? [];
  if (projectWindows.length === 0) return own;
  return [...own, ...projectWindows.filter((window) => chooses(window, application))];
}

function chooses(window: SyncWindow, { metadata, spec }: Application): boolean {
  const { applications, namespaces, clusters } = window;
  const lists = [applications, namespaces, clusters];
  if (lists.every((list) => list === undefined || list.length === 0)) return true;
  const { name, server, namespace = "default" } = spec.destination;
  const cluster = name ?? server ?? "in-cluster";
  return (
    matchesAny(applications, [metadata.name]) ||
    matchesAny(namespaces, [namespace]) ||
    matchesAny(clusters, server === undefined ? [cluster] : [cluster, server])
  );
}

function matchesAny(patterns: readonly string[] | undefined, texts: readonly string[]): boolean {
  return (patterns ?? []).some((pattern) => {
    const glob = compileGlob(pattern);
    return texts.some((text) => glob?.(text) ?? text === pattern);
  });
}
