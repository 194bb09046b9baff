/** What a field that does not exist was probably meant to be. */
import type { Schema } from "../../kube/schema/schema.ts";
import { type Shape, shapeOf } from "../../kube/schema/shape.ts";
import { nearestName } from "./nearest-name.ts";

/** The shapes on the way to a field, outermost first, and the name that the last does not know. */
interface Unknown {
  readonly parents: readonly { readonly path: string; readonly shape: Shape }[];
  readonly name: string;
}

/** A sentence, or undefined when nothing comes near. `field` must be a path that is unknown. */
export function fieldSuggestion(schema: Schema, field: string): string | undefined {
  const { parents, name } = locate(shapeOf(schema), field);
  const parent = parents.at(-1);
  if (parent === undefined) return undefined;
  const near = nearestName(name, parent.shape.properties.keys());
  if (near !== undefined) return `Did you mean ${JSON.stringify(near)}?`;
  const above = parents.slice(0, -1).findLast(({ shape }) => shape.properties.has(name));
  if (above !== undefined)
    return `${name} belongs to ${above.path === "" ? "the object itself" : above.path}: check the indentation`;
  for (const [child, shape] of parent.shape.properties) {
    if (shape.properties.has(name)) return `${name} belongs to ${child}: check the indentation`;
    if (shape.items?.properties.has(name) === true)
      return `${name} belongs to the items of ${child}: check the indentation`;
  }
  return undefined;
}

function locate(root: Shape, field: string): Unknown {
  const parents = [{ path: "", shape: root }];
  let rest = field;
  for (;;) {
    const shape = parents.at(-1)?.shape;
    const step = shape === undefined ? undefined : stepInto(shape, rest);
    if (step === undefined || step.rest === "") return { parents, name: rest };
    const path = field.slice(0, field.length - step.rest.length).replace(/\.$/, "");
    parents.push({ path, shape: step.shape });
    rest = step.rest;
  }
}

function stepInto(shape: Shape, path: string): { shape: Shape; rest: string } | undefined {
  const bracket = /^\[([^\]]*)\]\.?/.exec(path);
  if (bracket !== null) {
    const next = shape.items ?? shape.additional;
    return next === undefined ? undefined : { shape: next, rest: path.slice(bracket[0].length) };
  }
  const name = /^[^.[]+/.exec(path)?.[0] ?? "";
  const next = shape.properties.get(name);
  return next === undefined
    ? undefined
    : { shape: next, rest: path.slice(name.length).replace(/^\./, "") };
}
