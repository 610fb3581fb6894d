import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { i18n } from './i18n'
import { rememberPlace, router } from './router'
import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/ui.css'

const app = createApp(App).use(createPinia()).use(router).use(i18n)
// After the router's own first step, which would go before it.
rememberPlace()
app.mount('#app')
