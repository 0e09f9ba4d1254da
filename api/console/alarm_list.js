// Open alarms, each told by colour, word and shape. Rows come ready from the server; only "for how long" counts here.
const SHAPES = {
  red: "M12 1 L23 12 L12 23 L1 12 Z",
  orange: "M12 2 L23 22 L1 22 Z",
  yellow: "M12 1.5 A10.5 10.5 0 1 1 11.99 1.5 Z",
  blue: "M2.5 2.5 H21.5 V21.5 H2.5 Z",
};
const MARKS = { red: "!!", orange: "!", yellow: "·", blue: "i" };

export default {
  template: `
<section class="hz-alarms">
  <div class="hz-filters" role="toolbar">
    <button :class="{ on: only === '' }" @click="only = ''">{{ words.all }} <b>{{ rows.length + more }}</b></button>
    <button :class="{ on: only === 'take' }" @click="toggle('take')">{{ words.to_acknowledge }} <b>{{ totals.to_take }}</b></button>
    <button v-for="s in order" :key="s" :class="['sev-' + s, { on: only === s }]" @click="toggle(s)">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path :d="shapes[s]" /></svg>{{ words[s] }} <b>{{ totals.counts[s] || 0 }}</b>
    </button>
  </div>
  <p v-if="!rows.length" class="hz-quiet" :class="{ ill: !well }">
    <svg viewBox="0 0 24 24" aria-hidden="true"><path :d="well ? 'M4 12.5 L10 18.5 L20.5 6' : 'M12 4 V14 M12 18 V20'" /></svg>
    {{ well ? words.quiet : words.quiet_blind }}
  </p>
  <ol>
    <li v-for="r in shown" :key="r.id" tabindex="0" :data-alarm="r.id" :class="rowClass(r)" @click="open(r)"
        @keydown.enter.self="open(r)">
      <div class="hz-sev">
        <svg viewBox="0 0 24 24" aria-hidden="true"><path :d="shapes[r.severity]" />
          <text x="12" :y="r.severity === 'orange' ? 19 : 16.5">{{ marks[r.severity] }}</text></svg>
        <span>{{ words[r.severity] }}</span>
      </div>
      <div class="hz-what">
        <strong>{{ r.name }}<small>{{ r.point }}</small></strong>
        <span class="hz-place">{{ r.place }}</span>
      </div>
      <div class="hz-cond">{{ r.condition }}<i v-if="r.was" :class="'hz-was sev-' + r.was">{{ words.was.replace('{worst}', words[r.was]) }}</i><i v-if="r.late" :title="words.late_hint">{{ words.late }}</i></div>
      <div class="hz-value"><template v-if="r.value !== '–'"><b>{{ r.value }}</b> <u>{{ r.unit }}</u></template>
        <span><template v-if="r.limit">{{ r.sign }} {{ r.limit }}</template><em v-if="live[r.id]">{{ words.now }} {{ live[r.id] }}</em></span></div>
      <div class="hz-time"><b>{{ age(r) }}</b><span>{{ at(r.raised_ms) }}</span></div>
      <div class="hz-state" :class="'st-' + r.state"><b>{{ words[r.state] }}</b>
        <span v-if="r.state === 'shelved'">→ {{ at(r.shelved_until_ms) }}</span><span v-else-if="r.by">{{ r.by }}</span></div>
      <div class="hz-do"><button v-if="can_act && r.to_take" :disabled="busy[r.id]" @click.stop="take(r)">{{ words.acknowledge }}</button></div>
    </li>
  </ol>
  <p v-if="more" class="hz-more">{{ words.more.replace('{n}', more) }}</p>
</section>`,
  props: {
    words: Object, rows: Array, more: Number, totals: Object, live: Object, chosen: String, can_act: Boolean, well: Boolean,
  },
  data() {
    return { only: "", now: Date.now(), busy: {}, order: ["red", "orange", "yellow", "blue"], shapes: SHAPES, marks: MARKS };
  },
  computed: {
    shown() {
      if (this.only === "") return this.rows;
      if (this.only === "take") return this.rows.filter((r) => r.to_take);
      return this.rows.filter((r) => r.severity === this.only);
    },
  },
  watch: {
    rows() {
      this.busy = {};
    },
  },
  mounted() {
    this.timer = setInterval(() => (this.now = Date.now() + (window.hazmonDrift || 0)), 1000);
    this.now = Date.now() + (window.hazmonDrift || 0);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    toggle(what) {
      this.only = this.only === what ? "" : what;
    },
    rowClass(r) {
      return ["sev-" + r.severity, { take: r.to_take, over: !r.standing, aside: r.state === "shelved", chosen: r.id === this.chosen }];
    },
    open(r) {
      if (window.innerWidth < 1200) location.href = "/alarms/" + r.id;
      else this.$emit("pick", r.id);
    },
    take(r) {
      this.busy[r.id] = true;
      this.$emit("take", r.id);
      setTimeout(() => (this.busy[r.id] = false), 4000);
    },
    age(r) {
      const s = Math.max(0, Math.floor(((r.cleared_ms || this.now) - r.raised_ms) / 1000));
      const two = (n) => String(n).padStart(2, "0");
      if (s >= 86400) return Math.floor(s / 86400) + "d " + two(Math.floor((s % 86400) / 3600)) + "h";
      return (s >= 3600 ? Math.floor(s / 3600) + ":" : "") + two(Math.floor((s % 3600) / 60)) + ":" + two(s % 60);
    },
    at(ms) {
      const d = new Date(ms);
      const two = (n) => String(n).padStart(2, "0");
      const day = d.toDateString() === new Date(this.now).toDateString() ? "" : `${two(d.getMonth() + 1)}-${two(d.getDate())} `;
      return `${day}${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
    },
  },
};
