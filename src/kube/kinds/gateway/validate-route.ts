/** Rules for HTTPRoutes and GRPCRoutes that span several fields, as upstream states them in CEL. */
import { PatternError } from "../../cel/pattern/pattern-error.ts";
import { LinearPattern } from "../../cel/pattern/linear-pattern.ts";
import type { FieldError } from "../../field-error.ts";
import {
  duplicate,
  duplicates,
  forbidden,
  invalid,
  isBlank,
  required,
  tooMany,
} from "../field-problems.ts";
import { durationMs } from "./duration.ts";
import type {
  BackendReference,
  GRPCRoute,
  GRPCRouteMatch,
  HTTPRoute,
  HTTPRouteMatch,
  HTTPRouteRule,
  MirrorFilter,
  ParentReference,
  PathModifier,
  RouteFilter,
  ValueMatch,
  WeightedBackendReference,
} from "./gateway-types.ts";

/** Upstream's limit of matches in all rules together. */
const MAX_MATCHES = 128;
/** Parts that proxies resolve in different ways. */
const AMBIGUOUS_PARTS = ["//", "/./", "/../", "%2f", "%2F", "#"];
const AMBIGUOUS_ENDS = ["/..", "/."];
/** RFC 3986 §3.3, and what is encoded. */
const PATH = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/;
const GRPC_SERVICE = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
const GRPC_METHOD = /^[A-Za-z_]\w*$/;

/** The field of each filter type; at most once in a rule where `once`. */
const FILTERS = {
  RequestHeaderModifier: { field: "requestHeaderModifier", once: true },
  ResponseHeaderModifier: { field: "responseHeaderModifier", once: true },
  RequestMirror: { field: "requestMirror", once: false },
  RequestRedirect: { field: "requestRedirect", once: true },
  URLRewrite: { field: "urlRewrite", once: true },
  ExtensionRef: { field: "extensionRef", once: false },
  CORS: { field: "cors", once: true },
} as const;

export function validateHttpRoute({ spec }: HTTPRoute): FieldError[] {
  const rules = spec?.rules ?? [];
  return [
    ...validateParents(spec?.parentRefs ?? []),
    ...ruleNames(rules),
    ...matchCount(rules),
    ...rules.flatMap((rule, index) => validateHttpRule(rule, `spec.rules[${index}]`)),
  ];
}

export function validateGrpcRoute({ spec }: GRPCRoute): FieldError[] {
  const rules = spec?.rules ?? [];
  return [
    ...validateParents(spec?.parentRefs ?? []),
    ...ruleNames(rules),
    ...matchCount(rules),
    ...rules.flatMap(({ matches = [], filters = [], backendRefs = [] }, index) => {
      const field = `spec.rules[${index}]`;
      return [
        ...matches.flatMap((match, at) => validateGrpcMatch(match, `${field}.matches[${at}]`)),
        ...validateFilters(filters, `${field}.filters`),
        ...validateBackends(backendRefs, field),
      ];
    }),
  ];
}

/** Two references to one parent have to differ in the section or in the port. */
function validateParents(parents: readonly ParentReference[]): FieldError[] {
  const parentOf = ({ group = "", kind = "", namespace = "", name }: ParentReference): string =>
    `${group}/${kind}/${namespace}/${name}`;
  const sections = new Map<string, ParentReference[]>();
  for (const parent of parents)
    sections.set(parentOf(parent), [...(sections.get(parentOf(parent)) ?? []), parent]);
  return [...sections.values()].flatMap((same) => {
    if (same.length === 1) return [];
    const isVague = same.some(
      ({ sectionName, port }) => isBlank(sectionName) && port === undefined,
    );
    if (isVague)
      return [
        invalid(
          "spec.parentRefs",
          same[0]?.name,
          "sectionName or port must be specified when parentRefs includes 2 or more references to the same parent",
        ),
      ];
    return duplicates(
      same,
      ({ sectionName = "", port = 0 }) => `${sectionName}/${port}`,
      (_index, key) => duplicate("spec.parentRefs", `${same[0]?.name ?? ""}/${key}`),
    );
  });
}

function ruleNames(rules: readonly { readonly name?: string }[]): FieldError[] {
  return duplicates(
    rules,
    ({ name }) => name,
    (index, name) => duplicate(`spec.rules[${index}].name`, name),
  );
}

function matchCount(rules: readonly { readonly matches?: readonly unknown[] }[]): FieldError[] {
  const count = rules.reduce((sum, { matches = [] }) => sum + matches.length, 0);
  return count > MAX_MATCHES ? [tooMany("spec.rules", count, MAX_MATCHES)] : [];
}

function validateHttpRule(rule: HTTPRouteRule, field: string): FieldError[] {
  const { matches = [], filters = [], backendRefs = [], timeouts } = rule;
  const errors = [
    ...matches.flatMap((match, at) => validateHttpMatch(match, `${field}.matches[${at}]`)),
    ...validateFilters(filters, `${field}.filters`),
    ...validateBackends(backendRefs, field),
  ];
  if (filters.some(({ type }) => type === "RequestRedirect") && backendRefs.length > 0)
    errors.push(
      forbidden(`${field}.backendRefs`, "must not be used together with a RequestRedirect filter"),
    );
  const all = [...filters, ...backendRefs.flatMap((backend) => backend.filters ?? [])];
  const [only] = matches;
  const matchesPrefix = matches.length === 1 && (only?.path?.type ?? "PathPrefix") === "PathPrefix";
  if (all.some(replacesPrefix) && !matchesPrefix)
    errors.push(
      invalid(
        `${field}.filters`,
        "ReplacePrefixMatch",
        "needs exactly one match in the rule, of the type PathPrefix",
      ),
    );
  const requestMs = durationMs(timeouts?.request) ?? 0;
  const backendMs = durationMs(timeouts?.backendRequest) ?? 0;
  if (requestMs > 0 && backendMs > requestMs)
    errors.push(
      invalid(
        `${field}.timeouts.backendRequest`,
        timeouts?.backendRequest,
        "cannot be longer than the timeout of the request",
      ),
    );
  return errors;
}

const replacesPrefix = ({ requestRedirect, urlRewrite }: RouteFilter): boolean =>
  requestRedirect?.path?.type === "ReplacePrefixMatch" ||
  urlRewrite?.path?.type === "ReplacePrefixMatch";

function validateHttpMatch(match: HTTPRouteMatch, field: string): FieldError[] {
  const { type = "PathPrefix", value = "/" } = match.path ?? {};
  const path = `${field}.path.value`;
  return [
    ...(type === "RegularExpression" ? validatePattern(value, path) : validatePath(value, path)),
    ...(match.headers ?? []).flatMap((header, at) =>
      validateValueMatch(header, `${field}.headers[${at}].value`),
    ),
    ...(match.queryParams ?? []).flatMap((parameter, at) =>
      validateValueMatch(parameter, `${field}.queryParams[${at}].value`),
    ),
  ];
}

function validatePath(value: string, field: string): FieldError[] {
  if (!value.startsWith("/")) return [invalid(field, value, "must start with '/'")];
  const errors = AMBIGUOUS_PARTS.filter((part) => value.includes(part)).map((part) =>
    invalid(field, value, `must not contain '${part}'`),
  );
  for (const end of AMBIGUOUS_ENDS)
    if (value.endsWith(end)) errors.push(invalid(field, value, `cannot end with '${end}'`));
  if (errors.length === 0 && !PATH.test(value))
    errors.push(
      invalid(field, value, "must be a path as URLs have it, encoded where it has to be"),
    );
  return errors;
}

const validateValueMatch = ({ type, value }: ValueMatch, field: string): FieldError[] =>
  type === "RegularExpression" ? validatePattern(value, field) : [];

function validatePattern(value: string, field: string): FieldError[] {
  try {
    // Patterns are matched as a whole: what is compiled here is what is compiled there.
    new LinearPattern(`^(?:${value})$`);
    return [];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return [invalid(field, value, `is no regular expression of RE2: ${error.message}`)];
  }
}

function validateGrpcMatch({ method, headers = [] }: GRPCRouteMatch, field: string): FieldError[] {
  const errors = headers.flatMap((header, at) =>
    validateValueMatch(header, `${field}.headers[${at}].value`),
  );
  if (method === undefined) return errors;
  if (isBlank(method.service) && isBlank(method.method))
    errors.push(required(`${field}.method`, "one or both of 'service' or 'method' is required"));
  for (const part of ["service", "method"] as const) {
    const value = method[part];
    if (isBlank(value)) continue;
    const at = `${field}.method.${part}`;
    if (method.type === "RegularExpression") errors.push(...validatePattern(value, at));
    else if (!(part === "service" ? GRPC_SERVICE : GRPC_METHOD).test(value))
      errors.push(invalid(at, value, `must be the name of a gRPC ${part}`));
  }
  return errors;
}

function validateBackends(
  backends: readonly WeightedBackendReference[],
  field: string,
): FieldError[] {
  return backends.flatMap((backend, at) => [
    ...validateBackend(backend, `${field}.backendRefs[${at}]`),
    ...validateFilters(backend.filters ?? [], `${field}.backendRefs[${at}].filters`),
  ]);
}

function validateBackend(backend: BackendReference, field: string): FieldError[] {
  const isService = (backend.group ?? "") === "" && (backend.kind ?? "Service") === "Service";
  return isService && backend.port === undefined
    ? [required(`${field}.port`, "must have port for Service reference")]
    : [];
}

function validateFilters(filters: readonly RouteFilter[], field: string): FieldError[] {
  const errors = filters.flatMap((filter, at) => validateFilter(filter, `${field}[${at}]`));
  for (const [type, { once }] of Object.entries(FILTERS))
    if (once && filters.filter((filter) => filter.type === type).length > 1)
      errors.push(invalid(field, type, `${type} filter cannot be repeated`));
  const types = new Set(filters.map(({ type }) => type));
  if (types.has("RequestRedirect") && types.has("URLRewrite"))
    errors.push(
      invalid(
        field,
        "RequestRedirect",
        "may specify either RequestRedirect or URLRewrite, not both",
      ),
    );
  return errors;
}

function validateFilter(filter: RouteFilter, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [type, { field: own }] of Object.entries(FILTERS)) {
    if (type === filter.type && filter[own] === undefined)
      errors.push(required(`${field}.${own}`, `must be specified for ${type}`));
    if (type !== filter.type && filter[own] !== undefined)
      errors.push(
        forbidden(`${field}.${own}`, `must be absent in a filter of type ${filter.type}`),
      );
  }
  if (filter.requestMirror !== undefined)
    errors.push(...validateMirror(filter.requestMirror, `${field}.requestMirror`));
  errors.push(
    ...validatePathModifier(filter.requestRedirect?.path, `${field}.requestRedirect.path`),
    ...validatePathModifier(filter.urlRewrite?.path, `${field}.urlRewrite.path`),
  );
  const origins = filter.cors?.allowOrigins ?? [];
  if (origins.includes("*") && origins.length > 1)
    errors.push(invalid(`${field}.cors.allowOrigins`, "*", "cannot stand beside other origins"));
  for (const list of ["allowMethods", "allowHeaders", "exposeHeaders"] as const) {
    const values = filter.cors?.[list] ?? [];
    if (values.includes("*") && values.length > 1)
      errors.push(invalid(`${field}.cors.${list}`, "*", "cannot stand beside other values"));
  }
  return errors;
}

function validateMirror(mirror: MirrorFilter, field: string): FieldError[] {
  const errors = validateBackend(mirror.backendRef, `${field}.backendRef`);
  const { percent, fraction } = mirror;
  if (percent !== undefined && fraction !== undefined)
    errors.push(forbidden(`${field}.fraction`, "only one of percent or fraction may be specified"));
  if (fraction !== undefined && fraction.numerator > (fraction.denominator ?? 100))
    errors.push(
      invalid(
        `${field}.fraction.numerator`,
        fraction.numerator,
        "must be less than or equal to denominator",
      ),
    );
  return errors;
}

function validatePathModifier(modifier: PathModifier | undefined, field: string): FieldError[] {
  if (modifier === undefined) return [];
  const own = modifier.type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch";
  const other = own === "replaceFullPath" ? "replacePrefixMatch" : "replaceFullPath";
  return [
    ...(modifier[own] === undefined
      ? [required(`${field}.${own}`, `must be specified when type is ${modifier.type}`)]
      : []),
    ...(modifier[other] === undefined
      ? []
      : [forbidden(`${field}.${other}`, `must be absent when type is ${modifier.type}`)]),
  ];
}
