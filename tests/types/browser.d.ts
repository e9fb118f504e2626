// What browsers have and TypeScript's description of them has not.

declare class BarcodeDetector {
  constructor(options: { formats: string[] });
  detect(picture: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

interface TrustedTypePolicy { createScriptURL(address: string): any }
declare var trustedTypes: { createPolicy(name: string, rules: { createScriptURL(address: string): string }): TrustedTypePolicy } | undefined;
