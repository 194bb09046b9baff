/**
 * Helm: `helm template` of the real program over exactly the chart and the value files, and its objects
 * traced back to the templates. No release, no cluster: `lookup` finds nothing.
 */
import { createHash } from "node:crypto";
import { compareFindings, type Finding, type Place } from "../../check/finding.ts";
import { DecryptError } from "../../decrypt/decrypt-error.ts";
import type { HelmSource } from "../../../kube/kinds/application.ts";
import { dns1123Subdomain } from "../../../kube/names.ts";
import { joinPath } from "../../source/tree-path.ts";
import { decryptFinding } from "../decrypt-rendered.ts";
import { withoutDuplicates } from "../duplicates.ts";
import type { Manifest } from "../manifest.ts";
import { findingsOf, type ManifestFile, readManifestFile } from "../manifest-file.ts";
import { limitFinding, programFinding } from "../program-problem.ts";
import { ROOT_MARK, type SandboxResult } from "../programs/sandbox.ts";
import { failedRendering, type Rendered } from "../render.ts";
import { INPUT, TREE } from "../sandbox-layout.ts";
import { templateLine } from "../source-place.ts";
import { CHART_FILE } from "../source-type.ts";
import type { DirectoryRendering } from "../source-rendering.ts";
import { type LoadedFiles, TooManyFilesError, VisibleFiles } from "../visible-files.ts";
import { type Chart, ChartFiles } from "./chart-files.ts";
import { helmArguments } from "./helm-arguments.ts";
import { blamedTemplate, sourceComments, templatePath } from "./template-source.ts";
import { NamedFiles } from "./value-files.ts";

/** Helm's own limit: names of releases end up in labels with more behind them. */
const MAX_RELEASE_NAME = 53;
const INLINE_VALUES = `${INPUT}/values.yaml`;

/** @throws SourceError */
export async function renderHelm(rendering: DirectoryRendering): Promise<Rendered> {
  const { directory, tree, refs, environment, signal, release } = rendering;
  const source = rendering.source.helm ?? {};
  const visible = new VisibleFiles();
  const files = new ChartFiles(tree, visible);
  const named = new NamedFiles({ tree, refs, directory, visible });
  const file = joinPath(directory, CHART_FILE);
  const at = directory === "" ? TREE : `${TREE}/${directory}`;
  const inputs = (): Pick<Rendered, "footprint" | "refFootprints"> => ({
    footprint: [...files.footprint, ...named.footprint],
    refFootprints: named.refFootprints,
  });
  try {
    const chart = await files.add(directory, at);
    const valueFiles = await addValues(source, named, visible);
    const fileParameters = await addFileParameters(source, named);
    const releaseName = source.releaseName ?? release.name;
    const namespace = source.namespace ?? release.namespace;
    const findings = [
      ...files.findings,
      ...named.findings,
      ...nameFindings(file, { releaseName, namespace }),
      ...parameterFindings(file, source),
    ].sort(compareFindings);
    const [first] = findings;
    if (chart === undefined || first !== undefined)
      return {
        ...failedRendering(first ?? noChart(file), []),
        id: JSON.stringify(["failed", findings]),
        findings,
        ...inputs(),
      };
    const program = await environment.programs.require("helm", file);
    const asksForVersions = await files.mayUse(/APIVersions/);
    const asksForUpgrade = await files.mayUse(/Is(?:Upgrade|Install)/);
    const inside = (path: string): string => `${ROOT_MARK}/${path}`;
    const args = helmArguments(source, {
      releaseName,
      namespace,
      chart: inside(at),
      valueFiles: valueFiles.map(inside),
      fileParameters: fileParameters.map(({ name, path }) => ({ name, path: inside(path) })),
      isUpgrade: release.isUpgrade && asksForUpgrade,
      kubeVersion: source.kubeVersion ?? environment.kubeVersion,
      apiVersions: [
        ...(asksForVersions ? environment.apiVersions : []),
        ...(source.apiVersions ?? []),
      ],
    });
    const key = digest(["helm", program.name, visible.digest(), args, environment.decryptor?.id]);
    const context = { key, chart, at, file, visible };
    const make = async () => {
      const loaded = await visible.load(environment.decryptor);
      const result = await environment.programs.run(program, { args, files: loaded.files, signal });
      const limit = limitFinding(result, program, file);
      const failure =
        limit ??
        (result.exitCode === 0
          ? undefined
          : programFinding(result, program, blamed(result, context), loaded));
      const rendered =
        failure === undefined
          ? trace(result.stdout, loaded, context)
          : failedRendering(advised(failure), []);
      return { rendered, sizeBytes: result.stdout.length + 1024, repeatable: limit === undefined };
    };
    const rendered = await environment.outputs.rendered(key, make, signal);
    return { ...rendered, ...inputs(), usesApiVersions: asksForVersions };
  } catch (error) {
    if (error instanceof DecryptError)
      return {
        ...failedRendering(decryptFinding(error, { file, line: 1, column: 1 }), []),
        ...inputs(),
      };
    if (!(error instanceof TooManyFilesError)) throw error;
    return { ...failedRendering(tooMany(error, file), []), ...inputs() };
  }
}

/** In Argo CD's order: files, then what stands in the Application itself. */
async function addValues(
  source: HelmSource,
  named: NamedFiles,
  visible: VisibleFiles,
): Promise<string[]> {
  const files: string[] = [];
  const mayBeMissing = source.ignoreMissingValueFiles === true;
  for (const [index, path] of (source.valueFiles ?? []).entries()) {
    const field = `spec.source.helm.valueFiles[${index}]`;
    const file = await named.add(field, path, { mayBeMissing, isYaml: true });
    if (file !== undefined) files.push(file);
  }
  const inline =
    source.valuesObject === undefined ? source.values : JSON.stringify(source.valuesObject);
  if (inline !== undefined && inline !== "") {
    visible.addContent(INLINE_VALUES, inline);
    files.push(INLINE_VALUES);
  }
  return files;
}

async function addFileParameters(
  { fileParameters = [] }: HelmSource,
  named: NamedFiles,
): Promise<{ name: string; path: string }[]> {
  const added: { name: string; path: string }[] = [];
  for (const [index, { name, path }] of fileParameters.entries()) {
    const field = `spec.source.helm.fileParameters[${index}].path`;
    const file = await named.add(field, path, { isYaml: false });
    if (file !== undefined) added.push({ name, path: file });
  }
  return added;
}

/** What is a word of the command line must fit on one. */
const MAX_PARAMETER_CHARACTERS = 100_000;
const MAX_PARAMETERS = 1_000;

function parameterFindings(file: string, { parameters = [] }: HelmSource): Finding[] {
  const isLong = parameters.some(({ name, value = "" }) => {
    const length = name.length + value.length;
    return length > MAX_PARAMETER_CHARACTERS || /\0/.test(name + value);
  });
  if (!isLong && parameters.length <= MAX_PARAMETERS) return [];
  return [
    {
      severity: "error",
      rule: "render/helm-parameters",
      message: "helm.parameters has too many, too long or binary values for a command line",
      file,
      line: 1,
      column: 1,
      suggestion: "Put them into helm.valuesObject or a file of values",
    },
  ];
}

function nameFindings(
  file: string,
  names: { readonly releaseName: string; readonly namespace: string },
): Finding[] {
  const wrong = (message: string, suggestion: string): Finding => ({
    severity: "error",
    rule: "render/helm-name",
    message,
    file,
    line: 1,
    column: 1,
    suggestion,
  });
  const findings: Finding[] = [];
  if (names.releaseName.length > MAX_RELEASE_NAME || dns1123Subdomain(names.releaseName).length > 0)
    findings.push(
      wrong(
        `${JSON.stringify(names.releaseName)} cannot be the name of a Helm release`,
        `Set helm.releaseName to at most ${MAX_RELEASE_NAME} lower-case letters, digits and dashes`,
      ),
    );
  if (dns1123Subdomain(names.namespace).length > 0)
    findings.push(
      wrong(`${JSON.stringify(names.namespace)} is no namespace`, "Correct helm.namespace"),
    );
  return findings;
}

interface TraceContext {
  readonly key: string;
  readonly chart: Chart;
  readonly at: string;
  readonly file: string;
  readonly visible: VisibleFiles;
}

function blamed({ stderr }: SandboxResult, { chart, at, file, visible }: TraceContext): Place {
  const found = blamedTemplate(stderr, chart.name);
  if (found !== undefined) {
    const path = templatePath(found.name, chart.name, at);
    const from = path === undefined ? undefined : visible.fromOf(path);
    if (from !== undefined) return { file: from, line: found.line, column: found.column };
  }
  if (/specifications of the schema/.test(stderr)) {
    const schema = visible.fromOf(`${at}/values.schema.json`);
    if (schema !== undefined) return { file: schema, line: 1, column: 1 };
  }
  return { file, line: 1, column: 1 };
}

function trace(stdout: Uint8Array, loaded: LoadedFiles, context: TraceContext): Rendered {
  const { key, chart, at, file, visible } = context;
  const output: ManifestFile = readManifestFile(stdout);
  const commentAt = sourceComments(Buffer.from(stdout).toString("utf8"));
  const contents = new Map(
    loaded.files.flatMap((one) => ("content" in one ? [[one.path, one.content] as const] : [])),
  );
  const counts = new Map<string, number>();
  const placeAt = (line: number): { path: string; from: string } | undefined => {
    const name = commentAt(line);
    const path = name === undefined ? undefined : templatePath(name, chart.name, at);
    if (path === undefined) return undefined;
    const from = visible.fromOf(path) ?? archiveOf(path, visible);
    return from === undefined ? undefined : { path, from };
  };
  const traced = output.objects.map(({ object, document, position }): Manifest => {
    const place = placeAt(position.line);
    let origin: Manifest["origin"] = { file, line: 1, column: 1, document };
    if (place !== undefined) {
      const counted = `${place.path}\0${object.kind}`;
      const nth = counts.get(counted) ?? 0;
      counts.set(counted, nth + 1);
      const text = Buffer.from(contents.get(place.path) ?? []).toString("utf8");
      origin = { file: place.from, ...templateLine(text, object, nth), document };
    }
    return { object, origin, positionOf: () => ({ line: origin.line, column: origin.column }) };
  });
  const { unique, findings } = withoutDuplicates(traced);
  // Lines of the output mean nothing to its author: only the template does.
  const wrong = findingsOf(output, file).map((finding): Finding => {
    const { related: _lines, ...rest } = finding;
    return { ...rest, file: placeAt(finding.line)?.from ?? file, line: 1, column: 1 };
  });
  return {
    id: key,
    objects: unique,
    findings: [...wrong, ...findings].sort(compareFindings),
    complete: output.complete,
    footprint: [],
  };
}

/** The packed chart that a template comes from: `web/charts/redis-1.2.3.tgz`. */
function archiveOf(path: string, visible: VisibleFiles): string | undefined {
  const [, start, name] = /^(.*\/charts)\/([^/]+)\//.exec(path) ?? [];
  if (start === undefined || name === undefined) return undefined;
  const packed = [...visible.paths()].find(
    (file) => file.startsWith(`${start}/${name}-`) && file.endsWith(".tgz"),
  );
  return packed === undefined ? undefined : visible.fromOf(packed);
}

/** Adds advice where the message is known. */
function advised(finding: Finding): Finding {
  return /specifications of the schema/.test(finding.message)
    ? { ...finding, suggestion: "Correct the values, or set helm.skipSchemaValidation" }
    : finding;
}

function digest(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function noChart(file: string): Finding {
  const message = "there is no chart here";
  return { severity: "error", rule: "render/helm-chart", message, file, line: 1, column: 1 };
}

function tooMany({ message }: TooManyFilesError, file: string): Finding {
  const suggestion = "Keep what is no part of the chart out of its folder";
  return {
    severity: "error",
    rule: "file/too-many",
    message,
    file,
    line: 1,
    column: 1,
    suggestion,
  };
}
