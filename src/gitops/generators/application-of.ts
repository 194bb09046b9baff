/** The Application that a set of parameters makes from the template. */
import type {
  ApplicationSet,
  ApplicationSetSpec,
  ApplicationTemplate,
} from "../../kube/kinds/applicationset.ts";
import { apiVersionOf, type Json, type KubeObject } from "../../kube/object.ts";
import { applications } from "../../kube/kinds/application.ts";
import { renderStrings } from "../template/template.ts";
import { TemplateError } from "../template/template-error.ts";
import { GeneratorError, type Parameters } from "./parameters.ts";

/** Names the set that an Application belongs to. */
export const SET_LABEL = "gantry.dev/application-set";
/** Deleting an Application of a set deletes its objects, unless the set preserves them. */
const CASCADE = "resources-finalizer.gantry.dev";

/** In the order of the parameters. @throws GeneratorError where the template fails or names meet */
export function applicationsOf(set: ApplicationSet, sets: readonly Parameters[]): KubeObject[] {
  const byName = new Map<string, KubeObject>();
  for (const parameters of sets) {
    const application = applicationOf(set, parameters);
    const { name } = application.metadata;
    if (byName.has(name))
      throw new GeneratorError(
        `two sets of parameters make an Application ${name}: use more of them in template.metadata.name`,
      );
    byName.set(name, application);
  }
  return [...byName.values()];
}

function applicationOf(set: ApplicationSet, parameters: Parameters): KubeObject {
  const { metadata, spec } = render(set.spec.template, parameters);
  const { name = "", labels, annotations, finalizers } = metadata;
  return {
    apiVersion: apiVersionOf(applications),
    kind: applications.kind,
    metadata: {
      name,
      ...(set.metadata.namespace === undefined ? {} : { namespace: set.metadata.namespace }),
      labels: { ...labels, [SET_LABEL]: set.metadata.name },
      ...(annotations === undefined ? {} : { annotations }),
      finalizers: finalizersOf(finalizers, set.spec),
      ownerReferences: [
        {
          apiVersion: set.apiVersion,
          kind: set.kind,
          name: set.metadata.name,
          uid: set.metadata.uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec,
  } as KubeObject;
}

function render(template: ApplicationTemplate, parameters: Parameters): ApplicationTemplate {
  try {
    return renderStrings(template as unknown as Json, parameters) as unknown as ApplicationTemplate;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new GeneratorError(`template: ${error.message}`, { cause: error });
  }
}

function finalizersOf(
  own: readonly string[] | undefined,
  { syncPolicy }: ApplicationSetSpec,
): string[] {
  if (syncPolicy?.preserveResourcesOnDeletion === true)
    return (own ?? []).filter((name) => !name.startsWith("resources-finalizer."));
  return own === undefined || own.length === 0 ? [CASCADE] : [...own];
}
