/** The variables of an Application's `postBuild`: from ConfigMaps and Secrets, then its own, which win. */
import { createHmac, randomBytes } from "node:crypto";
import { isObject } from "../kube/json-object.ts";
import type { Application } from "../kube/kinds/application.ts";
import { keyOf, type KubeObject } from "../kube/object.ts";
import type { Variables } from "./render/render-environment.ts";
import { SourceError } from "./source/source-error.ts";
import type { ValueRef } from "./watched-values.ts";

/** Values may be secret: an id must not let anybody guess them. */
const ID_KEY = randomBytes(32);

export function variableRefs({
  metadata,
  spec,
}: Pick<Application, "metadata" | "spec">): ValueRef[] {
  const namespace = metadata.namespace ?? "default";
  return (spec.postBuild?.substituteFrom ?? []).map(({ kind, name }) => ({
    kind,
    namespace,
    name,
  }));
}

/**
 * @param objects those that {@link variableRefs} names, in its order
 * @throws SourceError `missing-variables` when one is not there that is not optional
 */
export function variablesOf(
  application: Application,
  objects: readonly (KubeObject | undefined)[],
): Variables | undefined {
  const { postBuild } = application.spec;
  if (postBuild === undefined) return undefined;
  const values = new Map<string, string>();
  for (const [index, { kind, name, optional }] of (postBuild.substituteFrom ?? []).entries()) {
    const object = objects[index];
    if (object !== undefined) addData(values, object);
    else if (optional !== true) throw missing(application, `${kind} ${name}`);
  }
  for (const [name, value] of Object.entries(postBuild.substitute ?? {})) values.set(name, value);
  const entries = JSON.stringify([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { id: createHmac("sha256", ID_KEY).update(entries).digest("hex"), values };
}

function addData(values: Map<string, string>, object: KubeObject): void {
  const { data } = object as { data?: unknown };
  if (!isObject(data)) return;
  for (const [name, value] of Object.entries(data))
    if (typeof value === "string")
      values.set(
        name,
        object.kind === "Secret" ? Buffer.from(value, "base64").toString("utf8") : value,
      );
}

function missing(application: Application, what: string): SourceError {
  const { namespace = "default" } = application.metadata;
  return new SourceError("missing-variables", {
    what: `postBuild.substituteFrom names the ${what}, which is not in the namespace ${namespace}`,
    where: keyOf(application),
    advice: "Create it, correct the name, or mark it as optional.",
  });
}
