// Amounts as people say them, in the reader's language. Pure.

import { language } from "./index";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

/** `1.5 GiB`. */
export function bytes(amount: number): string {
  let [value, unit] = [Math.max(0, amount), 0];
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? tenths.format(value) : whole.format(value)} ${UNITS[unit]}`;
}

/** `4.2 Mbit/s`: networks are told in bits, and in thousands. */
export function bitrate(bitsPerSecond: number): string {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
  let [value, unit] = [Math.max(0, bitsPerSecond), 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? tenths.format(value) : whole.format(value)} ${units[unit]}`;
}

/** `35 %`, of a share from 0 to 1. */
export function percent(share: number): string {
  return `${whole.format(share * 100)}\u00a0%`;
}
