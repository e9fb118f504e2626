// What the console uses of jsQR.

export default function jsQR(data: Uint8ClampedArray, width: number, height: number, options?: { inversionAttempts?: string }): { data: string } | null;
