export interface TokenRequest {
    spec?: TokenRequestSpec;
}
export interface TokenRequestSpec {
    audiences?: Array<string>;
}
export interface TokenRequestStatus {
    expirationTimestamp?: Time;
    token?: string;
}
export interface TokenReviewSpec {
    token: string;
}
