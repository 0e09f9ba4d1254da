// A point's name, its value now, and the choice of a range. The range is in the address, so it can be passed on.
const two = (n) => String(n).padStart(2, "0");
const local = (ms) => {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
};

export default {
  template: `
<section class="hz-point">
  <div class="hz-pointhead">
    <div><h2>{{ name }}</h2><p>{{ about }}</p></div>
    <div class="hz-now" :class="'sev-' + now.state">{{ now.value }} <small>{{ now.unit }} <template v-if="now.word">· {{ now.word }}</template></small></div>
  </div>
  <div class="hz-trend-head">
    <a v-for="r in ranges" :key="r" :href="here + '?range=' + r" :class="{ on: r === range }">{{ words['range_' + r] }}</a>
    <form class="hz-span" @submit.prevent="go">
      <label>{{ words.from }} <input type="datetime-local" v-model="from" required></label>
      <label>{{ words.to }} <input type="datetime-local" v-model="to" required></label>
      <button>{{ words.show }}</button>
    </form>
  </div>
  <p class="hz-note" v-if="trouble">{{ trouble }}</p>
</section>`,
  props: {
    words: Object, name: String, about: String, here: String, now: Object, ranges: Array, range: String,
    start: Number, end: Number, trouble: String,
  },
  data() {
    return { from: this.start ? local(this.start) : "", to: this.end ? local(this.end) : "" };
  },
  methods: {
    go() {
      const a = new Date(this.from).getTime();
      const b = new Date(this.to).getTime();
      if (a < b) location.href = `${this.here}?start=${a}&end=${b}`;
    },
  },
};
