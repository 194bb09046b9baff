/** Applies the hand-kept tables of `schemas/overlay` to the definitions. */
import { irregular } from "../overlay/irregular.ts";
import type { Definition } from "./definitions.ts";

export function applyOverlay(definitions: readonly Definition[]): Definition[] {
  const present = new Set(definitions.map((each) => `${each.module} ${each.name}`));
  const added: Definition[] = [];
  for (const [module, types] of Object.entries(irregular))
    for (const [name, schema] of Object.entries(types))
      if (!present.has(`${module} ${name}`)) added.push({ module, name, schema, descriptions: {} });
  return [...definitions, ...added].map((each) => {
    const schema = irregular[each.module]?.[each.name];
    return schema === undefined ? each : { ...each, schema };
  });
}
