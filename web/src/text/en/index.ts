// English, page by page.

import { access } from "./access";
import { channels } from "./channels";
import { guide } from "./guide";
import { library } from "./library";
import { onAir } from "./onAir";
import { settings } from "./settings";
import { shell } from "./shell";
import { signIn } from "./signIn";
import { time } from "./time";
import { watch } from "./watch";
import { welcome } from "./welcome";

export const en = {
  access,
  channels,
  guide,
  library,
  onAir,
  settings,
  shell,
  signIn,
  time,
  watch,
  welcome,
};
