// The bar above every page: where one is, how the system itself is, what time it is. It also notices when nothing
// arrives from the server any more, because a page that has stopped looks just like a quiet plant.
export default {
  template: `
<header class="hz-bar" :class="{ 'hz-bar--ill': !content.well }">
  <a class="hz-brand" href="/">haz<i>mon</i></a>
  <nav>
    <a href="/" :class="{ on: page === 'alarms' }">{{ words.alarms }}
      <b v-if="totals.to_take" class="hz-badge">{{ totals.to_take }}</b></a>
    <a href="/points" :class="{ on: page === 'points' }">{{ words.points }}</a>
  </nav>
  <div class="hz-strip" role="status">
    <span v-for="p in content.parts" :key="p.name" class="hz-chip" :class="p.ok ? 'ok' : 'bad'" :title="p.detail">
      <em aria-hidden="true">{{ p.ok ? '✓' : '✕' }}</em>{{ words[p.name] || p.name }}<b v-if="!p.ok">{{ words.down }}</b>
    </span>
    <span class="hz-chip" :class="content.silent_s ? 'bad' : 'plain'">
      <template v-if="content.silent_s"><em>✕</em>{{ words.silence.replace('{s}', content.silent_s) }}</template>
      <template v-else>{{ content.readings_per_s }} {{ words.readings_per_s }}</template>
    </span>
    <span class="hz-chip" :class="content.lagging ? 'bad' : 'plain'">{{ words.lag }} {{ content.lag }}</span>
    <span class="hz-chip" :class="content.rejecting ? 'warn' : 'plain'">{{ words.rejects }} {{ content.rejects }}</span>
  </div>
  <div class="hz-who">
    <time>{{ clock }}</time>
    <a :href="'/language/' + (language === 'zh' ? 'en' : 'zh') + '?next=' + next">{{ words.other_language }}</a>
    <form method="post" action="/logout"><span>{{ user }}</span><button>{{ words.log_out }}</button></form>
  </div>
</header>
<div v-if="stale" class="hz-stale" role="alert">{{ words.not_live }}</div>`,
  props: { words: Object, content: Object, totals: Object, page: String, user: String, language: String },
  data() {
    return { clock: "", stale: false, heard: performance.now(), drift: 0, next: "" };
  },
  watch: {
    "content.beat"() {
      this.heard = performance.now();
      this.drift = this.content.now_ms - Date.now();
      window.hazmonDrift = this.drift;
    },
  },
  mounted() {
    document.documentElement.lang = this.language === "zh" ? "zh-CN" : "en";
    this.next = encodeURIComponent(location.pathname + location.search);
    this.drift = this.content.now_ms - Date.now();
    window.hazmonDrift = this.drift;
    this.tick();
    this.timer = setInterval(this.tick, 500);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    tick() {
      const now = new Date(Date.now() + this.drift);
      const two = (n) => String(n).padStart(2, "0");
      this.clock = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
      document.title = (this.totals.to_take ? `(${this.totals.to_take}) ` : "") + "hazmon";
      this.stale = performance.now() - this.heard > 7000;
      document.body.classList.toggle("hz-not-live", this.stale);
    },
  },
};
