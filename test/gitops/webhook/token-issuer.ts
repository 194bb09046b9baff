import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { RecordingServer } from "../notify/recording-server.ts";

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Plays an OpenID provider. */
export class TokenIssuer {
  readonly server: RecordingServer;
  readonly #key: KeyObject;
  readonly publicKey: KeyObject;

  private constructor(server: RecordingServer) {
    this.server = server;
    const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    this.#key = pair.privateKey;
    this.publicKey = pair.publicKey;
    server.answer = ({ path }) => {
      if (path === "/.well-known/openid-configuration")
        return { body: { issuer: this.url, jwks_uri: `${this.url}/keys` } };
      if (path === "/keys") return { body: { keys: [this.jwk] } };
      return { status: 404 };
    };
  }
  static async start(): Promise<TokenIssuer> {
    return new TokenIssuer(await RecordingServer.start());
  }

  get url(): string {
    return this.server.url;
  }
  get jwk(): object {
    return { ...this.publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" };
  }

  token(claims: object, header: object = {}): string {
    const signed = `${encode({ alg: "RS256", typ: "JWT", kid: "one", ...header })}.${encode(claims)}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), this.#key).toString("base64url")}`;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
