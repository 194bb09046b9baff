/**
 * The modules of `kubernetes-types` (and of our own declarations, which follow its layout) and the
 * definition names and API groups that upstream gives to what is in them.
 */

/** Definition-name prefixes of the modules outside `io.k8s.api`. */
const PREFIXES: Readonly<Record<string, string>> = {
  "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
  "apiregistration/v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
  "meta/v1": "io.k8s.apimachinery.pkg.apis.meta.v1",
  "api/resource": "io.k8s.apimachinery.pkg.api.resource",
  "util/intstr": "io.k8s.apimachinery.pkg.util.intstr",
  runtime: "io.k8s.apimachinery.pkg.runtime",
  version: "io.k8s.apimachinery.pkg.version",
};

/** `io.k8s.api.core.v1.Pod` for `core/v1` and `Pod`. */
export function definitionName(module: string, name: string): string {
  return `${PREFIXES[module] ?? `io.k8s.api.${module.replace("/", ".")}`}.${name}`;
}

/** The module that `specifier` names when it is imported by `module`. */
export function resolveModule(module: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier.replace(/^kubernetes-types\//, "");
  const folder = module.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") folder.pop();
    else if (part !== ".") folder.push(part);
  }
  return folder.join("/");
}

/** The output file of a module: `core.v1`, `meta.v1`; the few module-less types go with `meta.v1`. */
export function outputOf(module: string): string {
  return ["api/resource", "util/intstr", "runtime", "version"].includes(module)
    ? "meta.v1"
    : module.replace("/", ".");
}
