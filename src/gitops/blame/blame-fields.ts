/** Who set each field of a live object: the manifest, with file and line, or somebody else. Pure. */
import type { FieldPath } from "../../kube/apply/field-set.ts";
import { ownedFields, readFieldPath } from "../../kube/apply/ownership.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { KubeObject } from "../../kube/object.ts";
import { FIELD_MANAGER } from "../plan/planner.ts";
import { textPath } from "./text-path.ts";

export interface Place {
  readonly file: string;
  readonly line: number;
}
/** What blame needs of a rendered manifest. */
export interface BlamedManifest {
  readonly object: KubeObject;
  readonly origin: { readonly file: string };
  positionOf(path: string): { readonly line: number };
}
export interface BlamedField {
  /** `spec.template.spec.containers[name="web"].image`. */
  readonly field: string;
  readonly path: FieldPath;
  readonly value: unknown;
  /** Where Git says it; absent for what Git does not say. */
  readonly place?: Place;
  /** Live, it has another value than in Git. */
  readonly isDrift: boolean;
  /** Managers that own it, the operator left out, and when each last wrote. */
  readonly managers: readonly { readonly manager: string; readonly time?: string }[];
}

/** Marks of the operator itself: they are in no manifest. */
const OWN_MARKS = /^\.metadata\.(labels|annotations)\.gantry\.dev\//;

/** In order of the paths. Fields that nobody owns are defaults of the API server: left out. */
export function blameFields(live: KubeObject, manifest: BlamedManifest | undefined): BlamedField[] {
  const all = ownedFields(live).filter(({ field }) => !OWN_MARKS.test(field));
  return all
    .filter(({ path }) => !all.some((other) => isAbove(path, other.path)))
    .map(({ path, field, owners }): BlamedField => {
      const value = readFieldPath(live, path);
      const inGit = manifest === undefined ? undefined : readFieldPath(manifest.object, path);
      const others = owners.filter(({ manager }) => manager !== FIELD_MANAGER);
      return {
        field: field.replace(/^\./, ""),
        path,
        value,
        ...(manifest === undefined || inGit === undefined
          ? {}
          : { place: placeOf(manifest, path) }),
        isDrift: inGit !== undefined && !deepEqual(inGit, value) && others.length > 0,
        managers: others.map(({ manager, time }) => ({
          manager,
          ...(time === undefined ? {} : { time }),
        })),
      };
    });
}

function placeOf(manifest: BlamedManifest, path: FieldPath): Place {
  const { line } = manifest.positionOf(textPath(manifest.object, path));
  return { file: manifest.origin.file, line };
}

/** Whether another path is below this one: then its parts are told instead. */
function isAbove(path: FieldPath, other: FieldPath): boolean {
  return other.length > path.length && path.every((element, at) => other[at] === element);
}
