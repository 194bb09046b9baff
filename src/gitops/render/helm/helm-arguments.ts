/** The command line of `helm template`: every user text is the value of an option or stands behind `--`. */
import type { HelmSource } from "../../../kube/kinds/application.ts";

export interface HelmArguments {
  readonly releaseName: string;
  readonly namespace: string;
  /** The chart's directory and value files, as the program sees them. */
  readonly chart: string;
  readonly valueFiles: readonly string[];
  readonly fileParameters: readonly { readonly name: string; readonly path: string }[];
  readonly isUpgrade: boolean;
  readonly kubeVersion: string;
  readonly apiVersions: readonly string[];
}

export function helmArguments(
  { parameters = [], skipCrds, skipTests, skipSchemaValidation }: HelmSource,
  given: HelmArguments,
): string[] {
  return [
    `--namespace=${given.namespace}`,
    `--kube-version=${given.kubeVersion}`,
    ...given.apiVersions.map((version) => `--api-versions=${version}`),
    ...(given.isUpgrade ? ["--is-upgrade"] : []),
    ...(skipCrds === true ? ["--skip-crds"] : ["--include-crds"]),
    ...(skipTests === true ? ["--skip-tests"] : []),
    ...(skipSchemaValidation === true ? ["--skip-schema-validation"] : []),
    ...given.valueFiles.map((file) => `--values=${file}`),
    ...parameters.map(({ name, value = "", forceString }) => {
      const option = forceString === true ? "--set-string" : "--set";
      return `${option}=${name}=${escapedCommas(value)}`;
    }),
    ...given.fileParameters.map(({ name, path }) => `--set-file=${name}=${escapedCommas(path)}`),
    "--",
    given.releaseName,
    given.chart,
  ];
}

/** A comma separates assignments for Helm; in a value it is meant as itself, except in `{a,b}`. */
function escapedCommas(value: string): string {
  if (value.startsWith("{") && value.endsWith("}")) return value;
  return value.replace(/(?<!\\),/g, "\\,");
}
