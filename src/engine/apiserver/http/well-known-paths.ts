/** Paths that name no resource: health, version, discovery, OpenAPI. */
import { createHash } from "node:crypto";
import { apiVersionOf } from "../../../kube/object.ts";
import { loadDescriptions } from "../../../kube/schema/descriptions.ts";
import {
  openApiSchemaName,
  openApiSchemas,
  reachedDefinitions,
} from "../../../kube/schema/openapi.ts";
import type { KindRegistry, ServedKind } from "../registry.ts";
import { METRICS_KINDS } from "../metrics/metrics-kinds.ts";
import { REVIEW_KINDS } from "../reviews/review-kinds.ts";
import { negotiate } from "./accept.ts";
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from "./discovery.ts";
import { openApiPaths } from "./openapi-paths.ts";
import type { HttpRequest } from "./request-body.ts";
import { type HttpResponse, sendBytes, sendJson, sendText } from "./response.ts";

/** The Kubernetes version whose API is spoken. */
export const KUBERNETES_VERSION = { major: "1", minor: "35", patch: "0" } as const;

export interface WellKnownOptions {
  readonly registry: KindRegistry;
  readonly gantryVersion: string;
  /** Names of failing checks; empty when ready. */
  readonly notReady: () => readonly string[];
  readonly openId?: OpenIdDocuments;
}

/** Asked for at each request: the address is known only once the server listens. */
export type OpenIdDocuments = () => { readonly configuration: object; readonly keySet: object };

/** What clients ask for; the answer's type is written with a dot, for `@` is no part of media types. */
const OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
const openApiInfo = () => {
  const { major, minor, patch } = KUBERNETES_VERSION;
  return { title: "Kubernetes", version: `v${major}.${minor}.${patch}` };
};

const HEALTH_PATHS = new Set(["/healthz", "/livez", "/readyz"]);
export const isHealthPath = (pathname: string): boolean => HEALTH_PATHS.has(pathname);

/** Answers and returns true, or returns false when the path is none of these. */
export class WellKnownPaths {
  readonly #options: WellKnownOptions;
  readonly #documents = new Map<string, Promise<Buffer>>();

  constructor(options: WellKnownOptions) {
    this.#options = options;
    options.registry.onChange(() => this.#documents.clear());
  }

  health(pathname: string, response: HttpResponse): void {
    const failing = pathname === "/readyz" ? this.#options.notReady() : [];
    if (failing.length === 0) sendText(response, 200, "ok");
    else sendText(response, 503, `not ready: ${failing.join(", ")}\n`);
  }

  async answer(
    segments: readonly string[],
    request: HttpRequest,
    response: HttpResponse,
  ): Promise<boolean> {
    const [root, ...rest] = segments;
    switch (root) {
      case undefined:
        sendJson(response, 200, { paths: this.#paths() });
        return true;
      case "version":
        return rest.length === 0 && this.#version(response);
      case "api":
      case "apis":
        return this.#discovery(root === "api", rest, request, response);
      case "openapi":
        if (rest.length === 1 && rest[0] === "v2") return this.#openApiV2(request, response);
        return rest[0] === "v3" && (await this.#openApi(rest.slice(1), response));
      case "openid":
        return rest.join("/") === "v1/jwks" && this.#openId("keySet", response);
      case ".well-known":
        return rest.join("/") === "openid-configuration" && this.#openId("configuration", response);
      default:
        return false;
    }
  }

  #openId(document: "configuration" | "keySet", response: HttpResponse): boolean {
    const { openId } = this.#options;
    if (openId === undefined) return false;
    const type = document === "keySet" ? "application/jwk-set+json" : "application/json";
    sendJson(response, 200, openId()[document], type);
    return true;
  }

  #version(response: HttpResponse): true {
    const { major, minor, patch } = KUBERNETES_VERSION;
    sendJson(response, 200, {
      major,
      minor,
      gitVersion: `v${major}.${minor}.${patch}+gantry-${this.#options.gantryVersion}`,
      gitCommit: "",
      gitTreeState: "clean",
      buildDate: "1970-01-01T00:00:00Z",
      goVersion: "",
      compiler: "node",
      platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
    });
    return true;
  }

  #discovery(
    core: boolean,
    rest: readonly string[],
    request: HttpRequest,
    response: HttpResponse,
  ): boolean {
    const { registry } = this.#options;
    if (rest.length === 0) {
      const accepted = negotiate(request.headers.accept, ["APIGroupDiscoveryList"]);
      const { as, version, group } = accepted;
      if (as !== undefined && (version === "v2" || version === "v2beta1")) {
        const type = `application/json;g=${group};v=${version};as=${as}`;
        sendJson(response, 200, aggregatedDiscovery(registry, core, version), type);
      } else sendJson(response, 200, core ? apiVersions("") : apiGroupList(registry));
      return true;
    }
    const found =
      core || rest.length === 2
        ? apiResourceList(registry, core ? "" : (rest[0] ?? ""), (core ? rest[0] : rest[1]) ?? "")
        : apiGroup(registry, rest[0] ?? "");
    if (found === undefined || rest.length > (core ? 1 : 2)) return false;
    sendJson(response, 200, found);
    return true;
  }

  /** `api/v1`, `apis/apps/v1`, …: each group version that is served. */
  #groupVersions(): Map<string, ServedKind[]> {
    const found = new Map<string, ServedKind[]>();
    const unstored = [...REVIEW_KINDS, ...METRICS_KINDS].map((kind) => ({
      kind,
      storageVersion: kind.version,
    }));
    for (const served of [...this.#options.registry.all(), ...unstored]) {
      const { kind } = served;
      const path = kind.group === "" ? `api/${kind.version}` : `apis/${apiVersionOf(kind)}`;
      found.set(path, [...(found.get(path) ?? []), served]);
    }
    return found;
  }

  async #openApi(rest: readonly string[], response: HttpResponse): Promise<boolean> {
    const groupVersions = this.#groupVersions();
    if (rest.length === 0) {
      const paths = [...groupVersions].map(([path, served]) => {
        const hash = createHash("sha256")
          .update(JSON.stringify(served.map(({ kind }) => [kind.kind, kind.schema])))
          .digest("hex");
        return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash.slice(0, 32)}` }];
      });
      sendJson(response, 200, { paths: Object.fromEntries(paths) as object });
      return true;
    }
    const path = rest.join("/");
    const served = groupVersions.get(path);
    if (served === undefined) return false;
    let document = this.#documents.get(path);
    if (document === undefined) {
      document = this.#document(served);
      this.#documents.set(path, document);
    }
    const bytes = await document;
    sendBytes(response, 200, bytes);
    return true;
  }

  /**
   * A document without paths. All is in version 3; kubectl asks here, in protobuf, only for a kind
   * that it has not found there, and says what is wrong when there is nothing here either.
   */
  #openApiV2(request: HttpRequest, response: HttpResponse): true {
    if (request.headers.accept?.includes(OPENAPI_V2_PROTOBUF) === true) {
      // Document.swagger (field 1) = "2.0"
      sendBytes(response, 200, Buffer.from("\x0a\x032.0"), OPENAPI_V2_PROTOBUF.replace("@", "."));
    } else sendJson(response, 200, { swagger: "2.0", info: openApiInfo(), paths: {} });
    return true;
  }

  async #document(served: readonly ServedKind[]): Promise<Buffer> {
    const kinds = served.map(({ kind }) => kind);
    const document = {
      openapi: "3.0.0",
      info: openApiInfo(),
      paths: openApiPaths(served, openApiSchemaName),
      components: {
        schemas: openApiSchemas(kinds, await loadDescriptions(reachedDefinitions(kinds))),
      },
    };
    return Buffer.from(JSON.stringify(document));
  }

  #paths(): string[] {
    return [
      "/api",
      "/apis",
      ...[...this.#groupVersions().keys()].map((path) => `/${path}`),
      ...HEALTH_PATHS,
      "/openapi/v2",
      "/openapi/v3",
      "/version",
    ];
  }
}
