/** A small OCI registry: enough of the distribution API for helm, oras and flux to push to. */
import { createHash, randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface RegistryOptions {
  readonly auth?: "basic" | "token" | "none";
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Of one page of tags. */
  readonly pageSize?: number;
  /** Blobs are elsewhere: where a digest is to be found. */
  readonly redirectBlobs?: (digest: string) => string;
  /** Replaces the realm that tokens are asked from. */
  readonly realm?: string;
  /** Answers instead of the registry when it returns true. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

interface Manifest {
  readonly type: string;
  readonly bytes: Buffer;
}

export const USER = "robot";
export const PASSWORD = "registry-password-canary";

export class Registry {
  readonly requests: { method: string; url: string; authorization: string | undefined }[] = [];
  readonly blobs = new Map<string, Buffer>();
  /** By `repository tag` and `repository digest`. */
  readonly #manifests = new Map<string, Manifest>();
  readonly #tags = new Map<string, Set<string>>();
  readonly #uploads = new Map<string, Buffer>();
  readonly #tokens = new Set<string>();
  readonly #options: RegistryOptions;
  readonly #server: Server;

  private constructor(options: RegistryOptions) {
    this.#options = options;
    const listener: RequestListener = (request, response) => {
      void this.#handle(request, response);
    };
    this.#server =
      options.tls === undefined
        ? createServer(listener)
        : createTlsServer({ ...options.tls }, listener);
  }

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const registry = new Registry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  get origin(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://${this.host}`;
  }

  /** Methods and paths of the requests since the last call. */
  asked(): string[] {
    return this.requests.splice(0).map(({ method, url }) => `${method} ${url.split("?")[0] ?? ""}`);
  }

  addBlob(bytes: Buffer): string {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  addManifest(
    repository: string,
    tag: string | undefined,
    type: string,
    manifest: unknown,
  ): string {
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = sha256(bytes);
    this.#manifests.set(`${repository} ${digest}`, { type, bytes });
    if (tag !== undefined) {
      this.#manifests.set(`${repository} ${tag}`, { type, bytes });
      this.#tags.set(repository, (this.#tags.get(repository) ?? new Set()).add(tag));
    }
    return digest;
  }

  /** An artifact of one layer. */
  push(
    repository: string,
    tag: string | undefined,
    layer: Buffer,
    {
      mediaType = "application/vnd.cncf.flux.content.v1.tar+gzip",
      annotations = {},
    }: { mediaType?: string; annotations?: Record<string, string> } = {},
  ): string {
    const config = this.addBlob(Buffer.from("{}"));
    const type = "application/vnd.oci.image.manifest.v1+json";
    return this.addManifest(repository, tag, type, {
      schemaVersion: 2,
      mediaType: type,
      config: { mediaType: "application/vnd.cncf.flux.config.v1+json", digest: config, size: 2 },
      layers: [{ mediaType, digest: this.addBlob(layer), size: layer.length }],
      annotations,
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    this.requests.push({ method, url, authorization: request.headers.authorization });
    if (this.#options.intercept?.(request, response) === true) return;
    const body = await collect(request);
    const { pathname, searchParams } = new URL(url, this.origin);
    if (pathname === "/token") return this.#token(request, response);
    if (!this.#isAllowed(request)) return this.#challenge(response);
    if (pathname === "/v2/") return end(response, 200, {}, "{}");
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.*)$/.exec(pathname);
    const [, repository = "", kind = "", rest = ""] = match ?? [];
    if (kind === "manifests")
      return this.#manifest(method, repository, rest, request, body, response);
    if (kind === "tags") return this.#listTags(repository, searchParams, response);
    if (rest.startsWith("uploads/"))
      return this.#upload(method, repository, rest, searchParams, body, response);
    if (kind === "blobs") return this.#blob(method, rest, response);
    end(response, 404, {}, "{}");
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    const { auth = "none" } = this.#options;
    const [scheme = "", value = ""] = (headers.authorization ?? "").split(" ");
    if (auth === "none") return true;
    return auth === "basic"
      ? scheme === "Basic" && value === basicValue()
      : scheme === "Bearer" && this.#tokens.has(value);
  }

  #challenge(response: ServerResponse): void {
    const realm = this.#options.realm ?? `${this.origin}/token`;
    const challenge =
      this.#options.auth === "basic"
        ? 'Basic realm="registry"'
        : `Bearer realm="${realm}",service="registry, of a test",scope="repository:other:pull,push"`;
    end(response, 401, { "www-authenticate": challenge }, "{}");
  }

  #token({ headers }: IncomingMessage, response: ServerResponse): void {
    if (headers.authorization !== `Basic ${basicValue()}`) return end(response, 401, {}, "{}");
    const token = randomUUID();
    this.#tokens.add(token);
    end(response, 200, {}, JSON.stringify({ token, expires_in: 300 }));
  }

  /** As if every token had ended. */
  forgetTokens(): void {
    this.#tokens.clear();
  }

  #manifest(
    method: string,
    repository: string,
    reference: string,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): void {
    if (method === "PUT") {
      const type = request.headers["content-type"] ?? "";
      const tag = reference.startsWith("sha256:") ? undefined : reference;
      const manifest = { type, bytes: body };
      const digest = sha256(body);
      this.#manifests.set(`${repository} ${digest}`, manifest);
      if (tag !== undefined) {
        this.#manifests.set(`${repository} ${tag}`, manifest);
        this.#tags.set(repository, (this.#tags.get(repository) ?? new Set()).add(tag));
      }
      return end(response, 201, { location: `/v2/${repository}/manifests/${digest}` }, "");
    }
    const manifest = this.#manifests.get(`${repository} ${reference}`);
    if (manifest === undefined) return end(response, 404, {}, "{}");
    const headers = {
      "content-type": manifest.type,
      "docker-content-digest": sha256(manifest.bytes),
      "content-length": String(manifest.bytes.length),
    };
    end(response, 200, headers, method === "HEAD" ? "" : manifest.bytes);
  }

  #listTags(repository: string, query: URLSearchParams, response: ServerResponse): void {
    const all = [...(this.#tags.get(repository) ?? [])].toSorted();
    const { pageSize = 1000 } = this.#options;
    const last = query.get("last");
    const rest = last === null ? all : all.slice(all.indexOf(last) + 1);
    const page = rest.slice(0, pageSize);
    const next = `</v2/${repository}/tags/list?n=${pageSize}&last=${page.at(-1) ?? ""}>; rel="next"`;
    const headers: Record<string, string> = rest.length > page.length ? { link: next } : {};
    end(response, 200, headers, JSON.stringify({ name: repository, tags: page }));
  }

  #upload(
    method: string,
    repository: string,
    rest: string,
    query: URLSearchParams,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const id = rest.slice("uploads/".length) || randomUUID();
    const content = Buffer.concat([this.#uploads.get(id) ?? Buffer.alloc(0), body]);
    this.#uploads.set(id, content);
    const digest = query.get("digest");
    if (method === "PUT" && digest !== null) {
      if (sha256(content) !== digest) return end(response, 400, {}, "{}");
      this.addBlob(content);
      return end(response, 201, { location: `/v2/${repository}/blobs/${digest}` }, "");
    }
    const location = `${this.origin}/v2/${repository}/blobs/uploads/${id}`;
    end(response, 202, { location, range: `0-${Math.max(0, content.length - 1)}` }, "");
  }

  #blob(method: string, digest: string, response: ServerResponse): void {
    const blob = this.blobs.get(digest);
    if (blob === undefined) return end(response, 404, {}, "{}");
    const target = this.#options.redirectBlobs?.(digest);
    if (target !== undefined && method === "GET")
      return end(response, 307, { location: target }, "");
    const headers = { "content-length": String(blob.length), "docker-content-digest": digest };
    end(response, 200, headers, method === "HEAD" ? "" : blob);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function basicValue(): string {
  return Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function end(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer,
): void {
  response.writeHead(status, headers).end(body);
}
