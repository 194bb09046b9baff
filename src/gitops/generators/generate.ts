/** All sets of parameters that a list of generators yields, in order. */
import type {
  ApplicationSetGenerator,
  GitGenerator,
  PullRequestGenerator,
} from "../../kube/kinds/applicationset.ts";
import { matchesLabels, selectorOf } from "../../kube/label-selector.ts";
import type { Json } from "../../kube/object.ts";
import { renderStrings } from "../template/template.ts";
import { combine, complete } from "./combine.ts";
import { flatten, GeneratorError, MAX_PARAMETER_SETS, type Parameters } from "./parameters.ts";

/** What generators learn from outside. @throws GeneratorError or SourceError */
export interface GeneratorInputs {
  git(generator: GitGenerator): Promise<readonly Parameters[]>;
  pullRequests(generator: PullRequestGenerator): Promise<readonly Parameters[]>;
}

export async function generate(
  generators: readonly ApplicationSetGenerator[],
  inputs: GeneratorInputs,
): Promise<Parameters[]> {
  const found: Parameters[] = [];
  for (const generator of generators) {
    const sets = await generateOne(generator, inputs);
    if (found.length + sets.length > MAX_PARAMETER_SETS)
      throw new GeneratorError(`more than ${MAX_PARAMETER_SETS} sets of parameters`);
    found.push(...sets);
  }
  return found;
}

async function generateOne(
  generator: ApplicationSetGenerator,
  inputs: GeneratorInputs,
): Promise<readonly Parameters[]> {
  const sets = await unselected(generator, inputs);
  if (generator.selector === undefined) return sets;
  const selector = selectorOf(generator.selector);
  return sets.filter((parameters) => matchesLabels(selector, flatten(parameters)));
}

async function unselected(
  { list, git, matrix, merge, pullRequest }: ApplicationSetGenerator,
  inputs: GeneratorInputs,
): Promise<readonly Parameters[]> {
  if (list !== undefined) return list.elements;
  if (git !== undefined) return inputs.git(git);
  if (pullRequest !== undefined) return inputs.pullRequests(pullRequest);
  if (matrix !== undefined) return generateMatrix(matrix.generators, inputs);
  if (merge !== undefined) {
    const all = await Promise.all(merge.generators.map((one) => generateOne(one, inputs)));
    return complete(all, merge.mergeKeys);
  }
  throw new GeneratorError("a generator names none of list, git, matrix, merge, pullRequest");
}

/** A later generator may use the parameters of the earlier ones, so it runs once for each set of them. */
async function generateMatrix(
  generators: readonly ApplicationSetGenerator[],
  inputs: GeneratorInputs,
): Promise<readonly Parameters[]> {
  let sets: readonly Parameters[] = [{}];
  for (const generator of generators) {
    const next: Parameters[] = [];
    for (const parameters of sets) {
      const inner = await generateOne(rendered(generator, parameters), inputs);
      next.push(...combine(parameters, inner));
      if (next.length > MAX_PARAMETER_SETS)
        throw new GeneratorError(`a matrix of more than ${MAX_PARAMETER_SETS} sets of parameters`);
    }
    sets = next;
  }
  return sets;
}

/** What a generator itself yields (`values`, elements) is filled in later, with its own parameters. */
function rendered(
  generator: ApplicationSetGenerator,
  parameters: Parameters,
): ApplicationSetGenerator {
  if (Object.keys(parameters).length === 0) return generator;
  const { git, pullRequest } = generator;
  const filled = (value: object): Json => renderStrings(value as Json, parameters);
  if (git !== undefined) {
    const { values, ...rest } = git;
    return {
      ...generator,
      git: { ...(filled(rest) as unknown as GitGenerator), ...(values && { values }) },
    };
  }
  if (pullRequest !== undefined) {
    const { values, ...rest } = pullRequest;
    return {
      ...generator,
      pullRequest: {
        ...(filled(rest) as unknown as PullRequestGenerator),
        ...(values && { values }),
      },
    };
  }
  if (generator.list !== undefined)
    return { ...generator, list: filled(generator.list) as unknown as { elements: Parameters[] } };
  return generator;
}
