// Points with their last value. Searching happens on the server, which knows all of them.
export default {
  template: `
<section class="hz-points">
  <div class="hz-search"><input type="search" v-model="text" :placeholder="words.search" autofocus @input="search">
    <span>{{ words.shown_of.replace('{shown}', rows.length).replace('{total}', total) }}</span></div>
  <div class="hz-table"><table>
    <thead><tr><th>{{ words.state }}</th><th>{{ words.point }}</th><th>{{ words.kind }}</th>
      <th class="n">{{ words.last }}</th><th class="n">{{ words.age }}</th><th class="n">{{ words.low }}</th><th class="n">{{ words.high }}</th></tr></thead>
    <tbody><tr v-for="r in rows" :key="r.enterprise + '/' + r.point" :class="'ps-' + r.state" @click="open(r)">
      <td><i class="hz-dot" aria-hidden="true"></i>{{ words[r.state] }}</td>
      <td><a :href="href(r)" @click.stop>{{ r.name }}</a><small>{{ r.point }} · {{ r.place }}</small></td>
      <td>{{ r.kind }}</td><td class="n"><b>{{ r.value }}</b> {{ r.unit }}</td><td class="n">{{ age(r.t) }}</td>
      <td class="n">{{ r.low }}</td><td class="n">{{ r.high }}</td></tr></tbody>
  </table></div>
</section>`,
  props: { words: Object, rows: Array, total: Number, query: String },
  data() {
    return { text: this.query, now: Date.now() };
  },
  mounted() {
    const tick = () => (this.now = Date.now() + (window.hazmonDrift || 0));
    tick();
    this.timer = setInterval(tick, 1000);
  },
  beforeUnmount() {
    clearInterval(this.timer);
    clearTimeout(this.waiting);
  },
  methods: {
    search() {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.$emit("search", this.text), 200);
    },
    href(r) {
      return "/points/" + encodeURIComponent(r.enterprise) + "/" + encodeURIComponent(r.point);
    },
    open(r) {
      location.href = this.href(r);
    },
    age(t) {
      if (t === null) return "–";
      const s = Math.max(0, Math.round((this.now - t) / 1000));
      if (s < 120) return s + " s";
      if (s < 7200) return Math.round(s / 60) + " min";
      if (s < 172800) return Math.round(s / 3600) + " h";
      return Math.round(s / 86400) + " d";
    },
  },
};
