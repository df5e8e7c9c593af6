// Starts the app.

import "./base";
import "@fontsource-variable/inter/wght.css";
import "@/ui/tokens.css";
import "@/ui/page.css";
import { mount } from "svelte";
import { openOnEmptyServer } from "@/pages/welcome/opens";
import App from "./App.svelte";
import { applyTheme } from "./theme.svelte";

applyTheme();
const target = document.getElementById("app");
if (target !== null) mount(App, { target });
void openOnEmptyServer();
