import { asset } from "./pages/assets.ts";

/**
 * The paywall of the demo's article: Mustache over the offer `subscribe` and its plans. It has no script of its own,
 * so that it can stand on a page whose policy allows none inline: the page writes the prices (`data-price`, with minor
 * units and currency beside it) and redeems what is pressed (`data-redeem`).
 */
export const storefrontExperience = {
  html: `<div class="offer">
  <div class="head">
    <h2>{{offer.presentation.title}}</h2>
    <p>{{offer.presentation.text}}</p>
  </div>
  <ul class="plans" role="list">
    {{#offer.plans}}
    <li class="plan" data-plan="{{slug}}" data-products="{{#products}}{{.}} {{/products}}">
      <div class="face">
        <p class="best">Best value</p>
        <h3>{{name}}</h3>
        {{#price}}
        <p class="price"><span class="amount" data-price data-currency="{{currency}}" data-amount-minor="{{amountMinor}}">Price at checkout</span>{{#interval}} <span>a {{.}}</span>{{/interval}}</p>
        <p class="monthly" data-price-line hidden>That is <span data-price data-per="month" data-currency="{{currency}}" data-amount-minor="{{amountMinor}}" data-interval="{{interval}}"></span> a month</p>
        {{/price}}
        <ul class="gains" role="list">
          <li data-product="digital">Every story, on every screen</li>
          <li data-product="digital">The archive, back to 1931</li>
          <li data-product="print">The Saturday paper at your door</li>
        </ul>
      </div>
      <div class="stub"><button type="button" data-redeem data-token="{{token}}">Subscribe<span class="told"> to {{name}}</span></button></div>
    </li>
    {{/offer.plans}}
  </ul>
  <p class="foot">Already a subscriber? <a href="/demo/sign-up">Sign in</a></p>
</div>`,
  css: asset("paywall.css").body,
  js: "",
};
