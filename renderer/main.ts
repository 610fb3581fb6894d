import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'

createApp(App).use(createPinia()).mount('#app')
