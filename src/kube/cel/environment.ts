/** What every expression may use: the engine's functions, Kubernetes' and the string extension. */
import { registerLists } from "./functions/lists.ts";
import { registerPatterns } from "./functions/patterns.ts";
import { registerQuantity } from "./functions/quantity.ts";
import { registerStrings } from "./functions/strings.ts";
import { registerUrl } from "./functions/url.ts";
import { Environment } from "./library.ts";

/** Far above what people write, and small enough for recursion over the syntax tree. */
const LIMITS = {
  maxAstNodes: 4000,
  maxDepth: 64,
  maxListElements: 1000,
  maxMapEntries: 1000,
  maxCallArguments: 32,
};

let base: Environment | undefined;

/** A fresh environment, to which variables may be added. */
export function celEnvironment(takesAnyVariable: boolean): Environment {
  base ??= makeBase();
  return base.clone({ unlistedVariablesAreDyn: takesAnyVariable });
}

function makeBase(): Environment {
  const environment = new Environment({
    enableOptionalTypes: true,
    // Upstream's lists of fields are dynamic as well; only literals could be strict.
    homogeneousAggregateLiterals: false,
    limits: LIMITS,
  });
  registerQuantity(environment);
  registerUrl(environment);
  registerLists(environment);
  registerStrings(environment);
  registerPatterns(environment);
  return environment;
}
