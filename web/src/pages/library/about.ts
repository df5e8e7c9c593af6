// What people say of a media, as it is typed and as the server takes it. An empty field
// goes back to what was found in the file and its name.

import type { Media, MediaEdit, MediaKind } from "@/api";
import { t } from "@/text";

export interface Typed {
  title: string;
  kind: MediaKind;
  show: string;
  season: string;
  episode: string;
  year: string;
  plot: string;
  /** With commas between them. */
  genres: string;
}

export type Wrong = Record<string, string>;

const HIGHEST = 99_998;
const number = (value: number | null) => (value === null ? "" : `${value}`);

export function typed(media: Media): Typed {
  return {
    title: media.title,
    kind: media.kind,
    show: media.show ?? "",
    season: number(media.season),
    episode: number(media.episode),
    year: number(media.year),
    plot: media.plot ?? "",
    genres: media.genres.join(", "),
  };
}

export function checked(form: Typed): Wrong {
  const bad = t.library.edit.bad;
  const wrong: Wrong = {};
  for (const name of ["season", "episode"] as const) {
    const text = form[name].trim();
    if (text !== "" && !(/^\d+$/.test(text) && Number(text) <= HIGHEST)) wrong[name] = bad.number;
  }
  const year = form.year.trim();
  if (year !== "" && !(/^\d{4}$/.test(year) && Number(year) >= 1_800)) wrong.year = bad.year;
  for (const name of ["title", "show"] as const) {
    if ([...form[name].trim()].length > 300) wrong[name] = bad.long;
  }
  return wrong;
}

/** Only what was changed. */
export function asEdit(form: Typed, before: Typed): MediaEdit {
  const edit: MediaEdit = {};
  const changed = (name: keyof Typed) => form[name].trim() !== before[name].trim();
  const text = (name: keyof Typed) => (form[name].trim() === "" ? null : form[name].trim());
  if (changed("title")) edit.title = text("title");
  if (changed("show")) edit.show = text("show");
  if (changed("plot")) edit.plot = text("plot");
  if (changed("kind")) edit.kind = form.kind;
  for (const name of ["season", "episode", "year"] as const) {
    const told = text(name);
    if (changed(name)) edit[name] = told === null ? null : Number(told);
  }
  if (changed("genres")) {
    const genres = form.genres.split(",").map((genre) => genre.trim());
    const named = genres.filter((genre) => genre !== "");
    edit.genres = named.length === 0 ? null : named;
  }
  return edit;
}
