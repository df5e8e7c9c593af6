// Times and programmes in words.

export const time = {
  soon: (duration: string) => `in ${duration}`,
  ago: (duration: string) => `${duration} ago`,
  left: (duration: string) => `${duration} left`,
  now: "now",
  today: "Today",
  tomorrow: "Tomorrow",
  yesterday: "Yesterday",
  at: (day: string, time: string) => `${day} ${time}`,
  range: (from: string, to: string) => `${from} – ${to}`,
  offAir: "Off air",
  season: (season: number) => `S${season}`,
  episode: (episode: number) => `E${episode}`,
  until: (time: string) => `until ${time}`,
  from: (time: string) => `from ${time}`,
};
