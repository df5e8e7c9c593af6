// How large the picture is: full screen, or a small window of its own.

/** What phones of Apple's have instead of full screen for all of a page. */
interface Own {
  webkitEnterFullscreen?: () => void;
}

export class Frame {
  isFull = $state(false);

  constructor(
    readonly root: () => HTMLElement | undefined,
    readonly video: () => (HTMLVideoElement & Own) | undefined,
  ) {
    $effect(() => {
      const changed = () => {
        this.isFull = document.fullscreenElement !== null;
      };
      document.addEventListener("fullscreenchange", changed);
      return () => document.removeEventListener("fullscreenchange", changed);
    });
  }

  toggleFull(): void {
    const root = this.root();
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else if (root?.requestFullscreen !== undefined) void root.requestFullscreen();
    else this.video()?.webkitEnterFullscreen?.();
  }

  async togglePip(): Promise<void> {
    try {
      if (document.pictureInPictureElement !== null) await document.exitPictureInPicture();
      else await this.video()?.requestPictureInPicture();
    } catch {
      // No picture yet, or a browser that does not want to.
    }
  }
}
